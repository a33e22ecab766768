// The same loads for servers in any language: bench_load SERVER [ARGUMENT...] WORKLOAD WORKERS SIZE | --list | --version
//
// The load is one thread on the last CPU. What the server has to be: served.hpp.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "../harness/harness.hpp"
#include "../io/echo_load.hpp"
#include "served.hpp"

namespace {

using steady = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::microseconds;

int checked(long result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return static_cast<int>(result);
}

int connect_to(std::uint16_t port) {
  const int s = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  checked(connect(s, reinterpret_cast<const sockaddr*>(&where), sizeof where), "connect");
  const int on = 1;
  checked(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
  return s;
}

void send_all(int s, std::string_view text) {
  bench::require(send(s, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()), "a short send");
}

// ---------------------------------------------------------------------------------------------------- as fast as it goes

// One request under way on each of some connections. All answers are as long as the first.
class closed_load {
 public:
  closed_load(std::uint16_t port, int connections, std::string request, bool is_http)
      : request_(std::move(request)), epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll")) {
    for (int i = 0; i < connections; ++i) {
      const int s = connect_to(port);
      epoll_event interest{.events = EPOLLIN, .data = {.fd = s}};
      checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, s, &interest), "epoll_ctl");
      sockets_.push_back(s);
    }
    answer_size_ = is_http ? size_of_answer(sockets_[0]) : request_.size();
    is_http_ = is_http;
  }
  ~closed_load() {
    for (const int s : sockets_) close(s);
    close(epoll_);
  }
  closed_load(const closed_load&) = delete;
  closed_load& operator=(const closed_load&) = delete;

  void run(long requests) {
    to_send_ = to_receive_ = requests;
    for (const int s : sockets_) send_next(s);
    std::array<epoll_event, 64> ready;
    while (to_receive_ > 0) {
      const int n = checked(epoll_wait(epoll_, ready.data(), ready.size(), -1), "epoll_wait");
      for (int i = 0; i < n; ++i) take_answer(ready[static_cast<std::size_t>(i)].data.fd);
    }
  }

 private:
  [[nodiscard]] std::size_t size_of_answer(int s) const {
    send_all(s, request_);
    std::string got;
    std::array<char, 4096> part;
    for (;;) {
      const ssize_t n = recv(s, part.data(), part.size(), 0);
      bench::require(n > 0, "no answer");
      got.append(part.data(), static_cast<std::size_t>(n));
      const std::size_t end = got.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      std::string head = got.substr(0, end);
      std::ranges::transform(head, head.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
      const std::size_t length = head.find("content-length: ");
      bench::require(length != std::string::npos, "an answer of unknown length");
      const std::size_t all = end + 4 + std::strtoul(head.c_str() + length + 16, nullptr, 10);
      if (got.size() == all) return all;
    }
  }
  void send_next(int s) {
    if (to_send_-- > 0) send_all(s, request_);
  }
  void take_answer(int s) {
    std::array<char, 4096> answer;
    bench::require(recv(s, answer.data(), answer_size_, MSG_WAITALL) == static_cast<ssize_t>(answer_size_),
                   "a short answer");
    bench::require(
        std::memcmp(answer.data(), is_http_ ? "HTTP/1.1 200 " : request_.data(), is_http_ ? 13 : answer_size_) == 0,
        "a wrong answer");
    --to_receive_;
    send_next(s);
  }

  std::string request_;
  int epoll_;
  std::vector<int> sockets_;
  std::size_t answer_size_ = 0;
  bool is_http_ = false;
  long to_send_ = 0;
  long to_receive_ = 0;
};

struct cost {
  double seconds;
  double cpu;
};

cost run_closed(const bench::served& server, int connections, const std::string& request, bool is_http, long size) {
  closed_load load(server.port(), connections, request, is_http);
  load.run(size / 10 + connections);
  const double before = server.cpu_seconds();
  const double all = bench::seconds([&] { load.run(size); });
  return {all, server.cpu_seconds() - before};
}

cost run_echo(const bench::served& server, long size) {
  return run_closed(server, bench::echo_connections, std::string(bench::echo_bytes, 'e'), false, size);
}
cost run_http(const bench::served& server, long size) {
  return run_closed(server, 128, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", true, size);
}

double microseconds_each(double seconds, long size) { return seconds * 1e6 / static_cast<double>(size); }

// ---------------------------------------------------------------------------------------------------- as fast as is offered

// 20,000 requests a second, whether or not the answers keep up, one in a thousand of which has the server compute for 10 ms. Latencies of the others, in
// microseconds, from the moment at which each was due.
class open_load {
 public:
  explicit open_load(std::uint16_t port) : epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll")) {
    for (int i = 0; i < connections; ++i) {
      sockets_.push_back(connect_to(port));
      epoll_event interest{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(i)}};
      checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, sockets_.back(), &interest), "epoll_ctl");
    }
  }
  ~open_load() {
    for (const int s : sockets_) close(s);
    close(epoll_);
  }
  open_load(const open_load&) = delete;
  open_load& operator=(const open_load&) = delete;

  std::vector<double> run(long requests) {
    std::vector<double> latencies;
    long sent = 0;
    long received = 0;
    const auto begin = steady::now();
    while (received < requests) {
      for (; sent < requests && steady::now() >= begin + sent * interval; ++sent)
        send_one(sent, begin + sent * interval);
      std::array<epoll_event, 64> ready;
      const int n = checked(epoll_wait(epoll_, ready.data(), ready.size(), sent < requests ? 0 : -1), "epoll_wait");
      const auto now = steady::now();
      for (int i = 0; i < n; ++i) received += take_answers(ready[static_cast<std::size_t>(i)].data.u32, now, latencies);
    }
    return latencies;
  }

 private:
  static constexpr int connections = 512;
  static constexpr auto interval = microseconds(50);
  struct due {
    steady::time_point when;
    bool computes;
  };

  void send_one(long number, steady::time_point when) {
    const auto c = static_cast<std::size_t>(number) % connections;
    const bool computes = number % 1000 == 999;
    send_all(sockets_[c], std::string(bench::echo_bytes, computes ? 'h' : 'e'));
    under_way_[c].push_back({when, computes});
  }
  long take_answers(std::size_t c, steady::time_point now, std::vector<double>& latencies) {
    std::array<char, 64 * bench::echo_bytes> bytes;
    const ssize_t n = recv(sockets_[c], bytes.data(), bytes.size(), 0);
    bench::require(n > 0, "no answer");
    partial_[c] += static_cast<std::size_t>(n);
    long whole = 0;
    for (; partial_[c] >= bench::echo_bytes; partial_[c] -= bench::echo_bytes, ++whole) {
      const due d = under_way_[c].front();
      under_way_[c].erase(under_way_[c].begin());
      if (!d.computes) latencies.push_back(duration<double, std::micro>(now - d.when).count());
    }
    return whole;
  }

  int epoll_;
  std::vector<int> sockets_;
  std::vector<std::vector<due>> under_way_ = std::vector<std::vector<due>>(connections);
  std::vector<std::size_t> partial_ = std::vector<std::size_t>(connections);
};

double latency(const bench::served& server, long size, double share) {
  open_load load(server.port());
  load.run(size / 10 + 1);
  std::vector<double> all = load.run(size);
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(all.size() - 1));
  std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(rank));
  return all[rank];
}

// ---------------------------------------------------------------------------------------------------- that do nothing

// Bytes of the server for each connection that waits; each has been served once.
double idle(const bench::served& server, long size) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  bench::require(limit.rlim_cur > static_cast<rlim_t>(size) + 100, "a higher limit of descriptors (ulimit -Hn)");
  const std::string request(bench::echo_bytes, 'e');
  std::array<char, bench::echo_bytes> answer;
  std::vector<int> sockets;
  const auto serve_one = [&] {
    sockets.push_back(connect_to(server.port()));
    send_all(sockets.back(), request);
    bench::require(recv(sockets.back(), answer.data(), answer.size(), MSG_WAITALL) == bench::echo_bytes, "no answer");
  };
  for (int i = 0; i < 100; ++i) serve_one();
  const double before = server.resident_bytes();
  for (long i = 0; i < size; ++i) serve_one();
  const double each = (server.resident_bytes() - before) / static_cast<double>(size);
  for (const int s : sockets) close(s);
  return each;
}

// ----------------------------------------------------------------------------------------------------

struct workload {
  std::string_view name;
  std::string_view unit;
  const char* kind;
  double (*run)(const bench::served& server, long size);
};

constexpr std::array workloads{
    workload{"echo", "us", "echo",
             [](const bench::served& s, long n) { return microseconds_each(run_echo(s, n).seconds, n); }},
    workload{"echo_cpu", "us", "echo",
             [](const bench::served& s, long n) { return microseconds_each(run_echo(s, n).cpu, n); }},
    workload{"hog_p99", "us", "echo", [](const bench::served& s, long n) { return latency(s, n, 0.99); }},
    workload{"hog_p999", "us", "echo", [](const bench::served& s, long n) { return latency(s, n, 0.999); }},
    workload{"idle_connections", "B", "echo", &idle},
    workload{"http_hello", "us", "http",
             [](const bench::served& s, long n) { return microseconds_each(run_http(s, n).seconds, n); }},
    workload{"http_hello_cpu", "us", "http",
             [](const bench::served& s, long n) { return microseconds_each(run_http(s, n).cpu, n); }},
};

std::string output_of(std::span<char* const> command, const char* question) {
  std::string line;
  for (const char* word : command) line += "'" + std::string(word) + "' ";
  std::FILE* out = popen((line + question).c_str(), "r");
  std::string text;
  std::array<char, 256> part;
  while (out != nullptr && std::fgets(part.data(), part.size(), out) != nullptr) text += part.data();
  bench::require(out != nullptr && pclose(out) == 0, "the server does not answer");
  return text;
}

int list(std::span<char* const> command) {
  const std::string kinds = output_of(command, "serve --list");
  for (const workload& w : workloads) {
    if (kinds.find(std::string(w.kind) + "\n") != std::string::npos) std::puts(std::string(w.name).c_str());
  }
  return 0;
}

int measure(std::span<char* const> command, std::string_view name, unsigned workers, long size) {
  const auto found = std::ranges::find(workloads, name, &workload::name);
  bench::require(found != workloads.end(), "no such workload; see --list");
  const bench::served server(command, found->kind, workers);
  double value = 0;
  std::exception_ptr error;
  std::thread([&] {
    try {
      bench::use_last_cpu();
      value = found->run(server, size);
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
  std::printf(R"({"workload": "%s", "unit": "%s", "value": %.9g, "peak_rss_mb": %.1f})"
              "\n",
              std::string(name).c_str(), std::string(found->unit).c_str(), value, server.peak_rss_mb());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::span<char* const> words(argv + 1, static_cast<std::size_t>(argc - 1));
    const std::string_view last = words.empty() ? "" : words.back();
    if (words.size() >= 2 && last == "--list") return list(words.first(words.size() - 1));
    if (words.size() >= 2 && last == "--version") {
      return std::fputs(output_of(words.first(words.size() - 1), "--version").c_str(), stdout) < 0 ? 1 : 0;
    }
    bench::require(words.size() >= 4, "bench_load SERVER [ARGUMENT...] WORKLOAD WORKERS SIZE | --list | --version");
    const auto command = words.first(words.size() - 3);
    return measure(command, words[words.size() - 3], static_cast<unsigned>(std::atoi(words[words.size() - 2])),
                   std::atol(words.back()));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_load: %s\n", e.what());
    return 1;
  }
}
