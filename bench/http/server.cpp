// The server of bench/http/compare: answers "hello" to everything. Prints its port, serves until its input ends.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include <weft/io/descriptor.hpp>
#include <weft/io/http/server.hpp>
#include <weft/scheduler/scheduler.hpp>

int main(int argc, char** argv) {
  const unsigned workers = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1;
  weft::run({.workers = workers}, [] {
    weft::io::http::server server([](weft::io::http::request&) { return weft::io::http::text("hello, world\n"); });
    weft::io::tcp_listener listener{"127.0.0.1:0"};
    std::printf("%u\n", listener.local_address().port());
    std::fflush(stdout);
    weft::group g;
    g.spawn([&] {
      std::byte byte{};
      while (weft::io::read(STDIN_FILENO, std::span(&byte, 1)) != 0) {
      }
      server.drain();
    });
    server.serve(listener);
  });
}
