// The limit of the older way: the same echo server on epoll by hand, one thread.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <thread>

#include "echo_workloads.hpp"
#include "raw_socket.hpp"

namespace {

class epoll_server {
 public:
  explicit epoll_server(unsigned)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)), stop_fd_(eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}
  ~epoll_server() {
    eventfd_write(stop_fd_, 1);
    thread_.join();
    close(stop_fd_);
    close(epoll_);
  }
  epoll_server(const epoll_server&) = delete;
  epoll_server& operator=(const epoll_server&) = delete;
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  void watch(int fd) {
    epoll_event interest{.events = EPOLLIN, .data = {.fd = fd}};
    bench::require(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &interest) == 0, "epoll_ctl");
  }
  void run() {
    bench::use_first_cpus(1);
    watch(listener_.fd());
    watch(stop_fd_);
    std::array<epoll_event, 256> ready;
    for (;;) {
      const int n = epoll_wait(epoll_, ready.data(), ready.size(), -1);
      for (int i = 0; i < n; ++i) {
        const int fd = ready[static_cast<std::size_t>(i)].data.fd;
        if (fd == stop_fd_) return;
        fd == listener_.fd() ? take_connection() : echo(fd);
      }
    }
  }
  void take_connection() {
    const int fd = accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    bench::set_no_delay(fd);
    watch(fd);
  }
  static void echo(int fd) {
    std::array<char, 4096> buffer;
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      close(fd);
      return;
    }
    bench::require(send(fd, buffer.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) == n, "short send");
  }

  bench::raw_listener listener_;
  int epoll_;
  int stop_fd_;
  std::thread thread_;
};

constexpr std::array workloads{bench::echo<epoll_server>, bench::echo_cpu<epoll_server>};

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, "epoll", workloads); }
