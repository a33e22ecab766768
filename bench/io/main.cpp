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
#include "random_file.hpp"

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

// Reads that the disk answers, 128 fibers.
void read_at_random(const bench::random_file& made, long size) {
  weft::io::file f = weft::io::file::adopt(::dup(made.fd()));
  std::atomic<long> next{0};
  weft::group g;
  for (int i = 0; i < bench::reads_under_way; ++i) {
    g.spawn([&] {
      const bench::read_buffer buffer = bench::make_read_buffer();
      for (long n = next++; n < size; n = next++) {
        const std::uint64_t at = bench::random_file::place(static_cast<std::uint64_t>(n));
        bench::require(f.read_at(at, {buffer.get(), bench::read_size}) == bench::read_size, "a short read");
        bench::require(*buffer == std::byte{'r'}, "wrong bytes");
      }
    });
  }
}

double random_reads(unsigned workers, long size) {
  const bench::random_file f;
  return weft::run(with(workers), [&] { return bench::seconds([&] { read_at_random(f, size); }); }) * 1e6 /
         static_cast<double>(size);
}

double random_reads_cpu(unsigned workers, long size) {
  const bench::random_file f;
  return weft::run(with(workers), [&] { return bench::cpu_seconds_of([&] { read_at_random(f, size); }); }) * 1e6 /
         static_cast<double>(size);
}

constexpr std::array workloads{bench::echo<weft_server>,
                               bench::echo_cpu<weft_server>,
                               bench::workload{"cached_read", "ns", &cached_read},
                               bench::workload{"pipe_round_trip", "ns", &pipe_round_trip},
                               bench::workload{"random_reads", "us", &random_reads},
                               bench::workload{"random_reads_cpu", "us", &random_reads_cpu}};

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, WEFT_VERSION, workloads); }
