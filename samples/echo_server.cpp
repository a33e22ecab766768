// A server written as if each connection had a thread of its own. Each has a fiber: thousands of them share a few threads.
//
//   echo_server [ADDRESS]    serves until it is killed; ADDRESS is 127.0.0.1:7000 unless given
//   echo_server --self-test  serves 100 clients of its own on a free port, checks every byte, and ends
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include <weft/io/tcp.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace {

void echo(weft::io::tcp_stream client) {
  std::array<std::byte, 4096> buffer;
  while (const std::size_t n = client.read_some(buffer)) {  // parks the fiber until something comes
    client.write_all({buffer.data(), n});
  }
}

// Ends when its scope is cancelled, as every call that waits does.
void serve(weft::io::tcp_listener& listener) {
  weft::group clients{weft::supervise};  // one that fails does not take the others with it
  for (;;) {
    clients.spawn([client = listener.accept()]() mutable {
      try {
        echo(std::move(client));
      } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
      }
    });
  }
}

bool talk(const weft::io::address& server, int number) {
  weft::io::tcp_stream s = weft::io::tcp_stream::connect(server);
  std::string answer;
  for (int round = 0; round < 10; ++round) {
    const std::string message = "client " + std::to_string(number) + ", message " + std::to_string(round);
    s.write_all(message);
    answer.resize(message.size());
    if (!s.read_exactly(std::as_writable_bytes(std::span(answer))) || answer != message) return false;
  }
  return true;
}

int self_test() {
  weft::io::tcp_listener listener{"127.0.0.1:0"};
  weft::group server;
  server.spawn([&] { serve(listener); });
  int good = 0;
  {
    weft::group clients;
    std::array<weft::task<bool>, 100> answers;
    for (int i = 0; i < 100; ++i) {
      answers[static_cast<std::size_t>(i)] = clients.spawn([&, i] { return talk(listener.local_address(), i); });
    }
    for (auto& answer : answers) good += answer.get() ? 1 : 0;
  }
  server.cancel();  // ends the fiber that accepts, and the group of its clients with it
  std::printf("%d of 100 clients got back what they sent\n", good);
  return good == 100 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return weft::run([&] {
      if (argc > 1 && std::strcmp(argv[1], "--self-test") == 0) return self_test();
      weft::io::tcp_listener listener{argc > 1 ? argv[1] : "127.0.0.1:7000"};
      std::printf("echoing on %s\n", listener.local_address().to_string().c_str());
      std::fflush(stdout);
      serve(listener);
      return 0;
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
