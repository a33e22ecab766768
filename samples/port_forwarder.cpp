// Forwards connections: whoever connects here talks to a server elsewhere, which is found by its name.
//
//   port_forwarder ADDRESS HOST SERVICE   port_forwarder 127.0.0.1:8080 example.org http
//   port_forwarder --self-test            forwards to a server of its own, checks every byte, and ends
//
// Each connection has two fibers, one for each direction. A peer that does not read stops the fiber that writes to it, which then reads no
// more from the other side: back-pressure comes by itself.
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <weft/io/connect.hpp>
#include <weft/io/tcp.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace {

using weft::io::tcp_stream;

// Until `from` ends, which `to` is then told: the other direction goes on.
void copy(tcp_stream& from, tcp_stream& to) {
  std::array<std::byte, 16'384> buffer;
  while (const std::size_t n = from.read_some(buffer)) to.write_all({buffer.data(), n});
  to.shutdown_write();
}

void forward(tcp_stream client, const std::string& host, const std::string& service) {
  tcp_stream server = weft::io::connect(host, service);
  weft::group g;  // if one direction fails, the other is cancelled
  g.spawn([&] { copy(client, server); });
  copy(server, client);
}

void serve(weft::io::tcp_listener& listener, const std::string& host, const std::string& service) {
  weft::group connections{weft::supervise};
  for (;;) {
    connections.spawn([&, client = listener.accept()]() mutable {
      try {
        forward(std::move(client), host, service);
      } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
      }
    });
  }
}

// The server behind: sends back what it gets.
void echo(weft::io::tcp_listener& listener) {
  weft::group clients{weft::supervise};
  for (;;) {
    clients.spawn([s = listener.accept()]() mutable { copy(s, s); });
  }
}

// Sends a message larger than all buffers on the way, while it reads the answer; true if that is the same.
bool talk(const weft::io::address& where, int number) {
  tcp_stream s = tcp_stream::connect(where);
  std::string message;
  while (message.size() < 1'000'000)
    message += "client " + std::to_string(number) + ", byte " + std::to_string(message.size()) + "; ";
  weft::group g;
  g.spawn([&] {
    s.write_all(message);
    s.shutdown_write();
  });
  std::string answer(message.size(), '\0');
  std::array<std::byte, 1> more;
  return s.read_exactly(std::as_writable_bytes(std::span(answer))) && answer == message && s.read_some(more) == 0;
}

int self_test() {
  constexpr int clients = 20;
  weft::io::tcp_listener behind{"127.0.0.1:0"};
  weft::io::tcp_listener front{"127.0.0.1:0"};
  weft::group servers;
  servers.spawn([&] { echo(behind); });
  servers.spawn([&] { serve(front, "localhost", std::to_string(behind.local_address().port())); });
  int good = 0;
  {
    weft::group g;
    std::vector<weft::task<bool>> answers;
    for (int i = 0; i < clients; ++i) answers.push_back(g.spawn([&, i] { return talk(front.local_address(), i); }));
    for (auto& a : answers) good += a.get() ? 1 : 0;
  }
  servers.cancel();
  std::printf("%d of %d clients got back what they sent\n", good, clients);
  return good == clients ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return weft::run([&] {
      if (argc > 1 && std::strcmp(argv[1], "--self-test") == 0) return self_test();
      if (argc != 4) {
        std::fprintf(stderr, "port_forwarder ADDRESS HOST SERVICE\n");
        return 2;
      }
      weft::io::tcp_listener listener{argv[1], {.shortage = {.pause = true}}};
      std::printf("forwarding %s to %s:%s\n", listener.local_address().to_string().c_str(), argv[2], argv[3]);
      std::fflush(stdout);
      serve(listener, argv[2], argv[3]);
      return 0;
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
