#include "echo_load.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <exception>
#include <span>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "../harness/harness.hpp"

namespace bench {

namespace {

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void restrict_to(std::span<const int> cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<unsigned>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);
}

double cpu_seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

int checked(long result) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), "echo load");
  return static_cast<int>(result);
}

class load {
 public:
  load(std::uint16_t port, int connections) : epoll_(checked(epoll_create1(EPOLL_CLOEXEC))) {
    message_.fill('e');
    for (int i = 0; i < connections; ++i) sockets_.push_back(connect_to(port));
  }
  ~load() {
    for (const int s : sockets_) close(s);
    close(epoll_);
  }
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  void run(long requests) {
    to_send_ = requests;
    to_receive_ = requests;
    for (const int s : sockets_) send_to(s);
    std::array<epoll_event, 64> ready;
    while (to_receive_ > 0) {
      const int n = checked(epoll_wait(epoll_, ready.data(), ready.size(), -1));
      for (int i = 0; i < n; ++i) answer_from(ready[static_cast<std::size_t>(i)].data.fd);
    }
  }

 private:
  int connect_to(std::uint16_t port) const {
    const int s = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(connect(s, reinterpret_cast<const sockaddr*>(&where), sizeof where));
    const int on = 1;
    checked(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    epoll_event interest{.events = EPOLLIN, .data = {.fd = s}};
    checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, s, &interest));
    return s;
  }

  void send_to(int s) {
    if (to_send_-- <= 0) return;
    require(send(s, message_.data(), message_.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message_.size()),
            "short send");
  }

  void answer_from(int s) {
    std::array<char, echo_bytes> answer{};
    require(recv(s, answer.data(), answer.size(), MSG_WAITALL) == static_cast<ssize_t>(answer.size()), "short answer");
    require(answer == message_, "an answer differs from its request");
    --to_receive_;
    send_to(s);
  }

  int epoll_;
  std::vector<int> sockets_;
  std::array<char, echo_bytes> message_{};
  long to_send_ = 0;
  long to_receive_ = 0;
};

}  // namespace

echo_result run_echo_load(std::uint16_t port, long requests) {
  echo_result result;
  std::exception_ptr error;
  std::thread([&] {
    try {
      use_last_cpu();
      load l(port, echo_connections);
      l.run(requests / 10 + echo_connections);
      const double all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
      const double own = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
      result.seconds = seconds([&] { l.run(requests); });
      result.server_cpu_seconds =
          cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - all - (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - own);
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
  return result;
}

echo_result run_echo_load_on(pid_t server, std::uint16_t port, int connections, long requests) {
  clockid_t server_clock{};
  if (clock_getcpuclockid(server, &server_clock) != 0) throw std::runtime_error("echo load: no clock of the server's");
  use_last_cpu();
  load l(port, connections);
  l.run(requests / 10 + connections);
  echo_result result;
  const double before = cpu_seconds(server_clock);
  result.seconds = seconds([&] { l.run(requests); });
  result.server_cpu_seconds = cpu_seconds(server_clock) - before;
  return result;
}

void use_last_cpu() {
  const auto cpus = allowed_cpus();
  restrict_to(std::span(cpus).last(1));
}

void use_first_cpus(unsigned count) {
  const auto cpus = allowed_cpus();
  restrict_to(std::span(cpus).first(std::min<std::size_t>(count, cpus.size())));
}

}  // namespace bench
