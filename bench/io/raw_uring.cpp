// The limit: the same echo server written against io_uring by hand, one thread, one ring, a state machine a connection.
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <thread>
#include <vector>

#include "echo_workloads.hpp"
#include "raw_socket.hpp"

namespace {

class uring_server {
 public:
  explicit uring_server(unsigned) : stop_fd_(eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}
  ~uring_server() {
    eventfd_write(stop_fd_, 1);
    thread_.join();
    close(stop_fd_);
  }
  uring_server(const uring_server&) = delete;
  uring_server& operator=(const uring_server&) = delete;
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  // The low half of a completion's tag is the descriptor, the high half what was done.
  enum class step : std::uint64_t { accepted, received, sent, stopped };
  static constexpr std::uint64_t tag(step s, int fd) {
    return static_cast<std::uint64_t>(s) << 32 | static_cast<unsigned>(fd);
  }

  io_uring_sqe* entry() {
    io_uring_sqe* e = io_uring_get_sqe(&ring_);
    if (e != nullptr) return e;
    io_uring_submit(&ring_);
    return io_uring_get_sqe(&ring_);
  }
  void start_accept() {
    io_uring_sqe* e = entry();
    io_uring_prep_accept(e, listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    e->user_data = tag(step::accepted, 0);
  }
  void start_receive(int fd) {
    io_uring_sqe* e = entry();
    io_uring_prep_recv(e, fd, buffers_[static_cast<std::size_t>(fd)].data(), 4096, 0);
    e->user_data = tag(step::received, fd);
  }
  void start_send(int fd, unsigned size) {
    io_uring_sqe* e = entry();
    io_uring_prep_send(e, fd, buffers_[static_cast<std::size_t>(fd)].data(), size, MSG_NOSIGNAL | MSG_WAITALL);
    e->user_data = tag(step::sent, fd);
  }

  void run() {
    bench::use_first_cpus(1);
    io_uring_params p{};
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    p.cq_entries = 4096;
    bench::require(io_uring_queue_init_params(512, &ring_, &p) == 0, "no io_uring");
    io_uring_register_ring_fd(&ring_);
    start_accept();
    io_uring_sqe* e = entry();
    io_uring_prep_poll_add(e, stop_fd_, POLLIN);
    e->user_data = tag(step::stopped, 0);
    bool going = true;
    while (going) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0;
      unsigned n = 0;
      io_uring_cqe* c = nullptr;
      io_uring_for_each_cqe(&ring_, head, c) {
        ++n;
        going = handle(c->user_data, c->res) && going;
      }
      io_uring_cq_advance(&ring_, n);
    }
    io_uring_queue_exit(&ring_);
  }

  bool handle(std::uint64_t data, int result) {
    const int fd = static_cast<int>(data & 0xFFFFFFFF);
    switch (static_cast<step>(data >> 32)) {
      case step::accepted:
        if (buffers_.size() <= static_cast<std::size_t>(result)) buffers_.resize(static_cast<std::size_t>(result) + 1);
        bench::set_no_delay(result);
        start_receive(result);
        start_accept();
        return true;
      case step::received:
        if (result <= 0) {
          close(fd);
        } else {
          start_send(fd, static_cast<unsigned>(result));
        }
        return true;
      case step::sent:
        start_receive(fd);
        return true;
      case step::stopped:
        break;
    }
    return false;
  }

  bench::raw_listener listener_;
  io_uring ring_{};
  std::vector<std::array<char, 4096>> buffers_ = std::vector<std::array<char, 4096>>(1024);
  int stop_fd_;
  std::thread thread_;
};

constexpr std::array workloads{bench::echo<uring_server>, bench::echo_cpu<uring_server>};

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, "liburing", workloads); }
