// weft's servers for bench_load: an echo whose requests may ask for 10 ms of computing, and "hello" over HTTP.
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <weft/io/http/server.hpp>
#include <weft/io/io.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace {

void compute_for_10_ms() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
  while (std::chrono::steady_clock::now() < end) {
  }
}

void echo(weft::io::tcp_stream c) {
  c.set_no_delay(true);
  std::array<std::byte, 64> request;
  while (c.read_exactly(request)) {
    if (request[0] == std::byte{'h'}) compute_for_10_ms();
    c.write_all(request);
  }
}

void serve_echo(weft::io::tcp_listener& listener) {
  weft::group clients(weft::supervise, "clients");
  for (;;) {
    clients.spawn([c = listener.accept()]() mutable {
      try {
        echo(std::move(c));
      } catch (const std::system_error&) {  // it has left
      }
    });
  }
}

void serve_http(weft::io::tcp_listener& listener) {
  weft::io::http::server([](weft::io::http::request&) {
    return weft::io::http::text("hello, world\n");
  }).serve(listener);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  const std::string_view kind = argc > 2 ? argv[2] : "";
  if (first == "--version") return std::puts(WEFT_VERSION) < 0;
  if (kind == "--list") return std::puts("echo\nhttp") < 0;
  if (argc != 4) return 2;
  weft::run({.workers = static_cast<unsigned>(std::atoi(argv[3])), .io = WEFT_BENCH_IO}, [kind] {
    weft::io::tcp_listener listener{"127.0.0.1:0", {.backlog = 4096}};
    std::printf("%u\n", listener.local_address().port());
    std::fflush(stdout);
    weft::group g;
    g.spawn([&] { kind == "http" ? serve_http(listener) : serve_echo(listener); });
    std::byte byte{};
    while (weft::io::read(STDIN_FILENO, std::span(&byte, 1)) != 0) {
    }
    g.cancel();
  });
}
