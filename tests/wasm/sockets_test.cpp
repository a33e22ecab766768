// Sockets that a guest is given.
#include "wasm_support.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weft::wasm::test {
namespace {

struct listening_socket {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port = 0;

  listening_socket() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd, 16), 0);
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
  }
  ~listening_socket() { ::close(fd); }
  listening_socket(const listening_socket&) = delete;
  listening_socket& operator=(const listening_socket&) = delete;
};

TEST(sockets_test, a_guest_serves_a_connection_on_a_listener_it_was_given) {
  weft::test::run([] {
    const listening_socket listener;
    std::string output;
    group g;
    g.spawn([&] {
      guest server(load("sockets"), {.output = stdio::capture(output), .sockets = {listener.fd}});
      EXPECT_EQ(server.run(), 0) << output;
    });
    std::string sent;
    std::string received;
    {
      io::tcp_stream client = io::tcp_stream::connect("127.0.0.1:" + std::to_string(listener.port));
      for (int i = 0; i < 50; ++i) {
        const std::string message = "message " + std::to_string(i) + std::string(static_cast<std::size_t>(i) * 37, '.');
        client.write_all(std::as_bytes(std::span(message)));
        sent += message;
        std::string echo(message.size(), ' ');
        EXPECT_TRUE(client.read_exactly(std::as_writable_bytes(std::span(echo))));
        received += echo;
      }
      client.shutdown_write();
      std::array<std::byte, 16> rest{};
      EXPECT_EQ(client.read_some(rest), 0U);
    }
    g.join();
    EXPECT_EQ(received, sent);
    EXPECT_EQ(output, "listening\n" + std::to_string(sent.size()) + " bytes\n");
  });
}

TEST(sockets_test, a_guest_that_waits_for_a_connection_can_be_cancelled) {
  weft::test::run([] {
    const listening_socket listener;
    raw_pipe out;
    group g;
    g.spawn(
        [&] { guest(load("sockets"), {.output = stdio::descriptor(out.writer()), .sockets = {listener.fd}}).run(); });
    EXPECT_EQ(read_until(out.reader(), "\n"), "listening\n");
    g.cancel();
  });
}

TEST(sockets_test, what_is_no_socket_is_refused) {
  weft::test::run([] {
    const raw_pipe p;
    guest g(load("sockets"), {.sockets = {p.reader()}});
    EXPECT_THROW(g.run(), std::system_error);
  });
}

}  // namespace
}  // namespace weft::wasm::test
