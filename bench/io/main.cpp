// weft's own program of the suite `io`; compiled once more for the engine on epoll (WEFT_BENCH_IO).
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <thread>

#include <weft/io/io.hpp>
#include <weft/scheduler/scheduler.hpp>

#include "echo_workloads.hpp"

#ifndef WEFT_BENCH_IO
#define WEFT_BENCH_IO ""
#endif

namespace {

weft::options with(unsigned workers) { return {.workers = workers, .io = WEFT_BENCH_IO}; }

class weft_server {
 public:
  explicit weft_server(unsigned workers) : thread_([this, workers] { run(workers); }) {}
  ~weft_server() {
    running_.get()->cancel();
    thread_.join();
  }
  weft_server(const weft_server&) = delete;
  weft_server& operator=(const weft_server&) = delete;
  std::uint16_t port() { return port_.get_future().get(); }

 private:
  void run(unsigned workers) {
    bench::use_first_cpus(workers);
    weft::run(with(workers), [this] {
      weft::group server;
      server.spawn([this] { serve(); });
      running_promise_.set_value(&server);
      server.join();
    });
  }
  void serve() {
    weft::io::tcp_listener listener{"127.0.0.1:0"};
    port_.set_value(listener.local_address().port());
    weft::group clients;
    for (;;) {
      weft::io::tcp_stream client = listener.accept();
      client.set_no_delay(true);
      clients.spawn([c = std::move(client)]() mutable {
        std::array<std::byte, 4096> buffer;
        while (const std::size_t n = c.read_some(buffer)) c.write_all({buffer.data(), n});
      });
    }
  }

  std::promise<std::uint16_t> port_;
  std::promise<weft::group*> running_promise_;
  std::future<weft::group*> running_ = running_promise_.get_future();
  std::thread thread_;
};

// Reads of 4 KiB that the page cache answers.
double cached_read(unsigned workers, long size) {
  return weft::run(with(workers), [size] {
    weft::io::file f("/proc/self/exe");
    std::array<std::byte, 4096> page{};
    return bench::nanoseconds_each(size, [&](long n) {
      for (long i = 0; i < n; ++i) bench::require(f.read_at(0, page) == page.size(), "a short read");
    });
  });
}

// A byte to another fiber and back, through two pipes: each hop is a wait for I/O.
double pipe_round_trip(unsigned workers, long size) {
  return weft::run(with(workers), [size] {
    auto [request_in, request_out] = weft::io::make_pipe();
    auto [answer_in, answer_out] = weft::io::make_pipe();
    weft::group g;
    g.spawn([&] {
      std::array<std::byte, 1> byte{};
      while (request_in.read_some(byte) != 0) answer_out.write_all(byte);
    });
    std::array<std::byte, 1> byte{};
    const double each = bench::nanoseconds_each(size, [&](long n) {
      for (long i = 0; i < n; ++i) {
        request_out.write_all(byte);
        bench::require(answer_in.read_some(byte) == 1, "no answer");
      }
    });
    request_out.close();
    return each;
  });
}

constexpr std::array workloads{bench::echo<weft_server>, bench::echo_cpu<weft_server>,
                               bench::workload{"cached_read", "ns", &cached_read},
                               bench::workload{"pipe_round_trip", "ns", &pipe_round_trip}};

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, WEFT_VERSION, workloads); }
