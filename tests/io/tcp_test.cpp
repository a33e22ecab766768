#include "io_support.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

namespace weft::io::test {
namespace {

using tcp_test = io_test;

void echo(tcp_stream& client) {
  std::array<std::byte, 4096> buffer;
  while (const std::size_t n = client.read_some(buffer)) client.write_all({buffer.data(), n});
}

// Sends messages of random sizes and compares what comes back.
void converse(const address& server, std::uint64_t stream, int messages) {
  std::minstd_rand random(static_cast<unsigned>(stream));
  tcp_stream s = tcp_stream::connect(server);
  s.set_no_delay(true);
  std::uint64_t place = 0;
  for (int m = 0; m < messages; ++m) {
    const std::size_t size = std::uniform_int_distribution<std::size_t>(1, 9'000)(random);
    s.write_all(make_pattern(stream, place, size));
    std::vector<std::byte> back(size);
    ASSERT_TRUE(s.read_exactly(back));
    ASSERT_EQ(matching(back, stream, place), size);
    place += size;
  }
  s.shutdown_write();
  std::array<std::byte, 1> byte{};
  EXPECT_EQ(s.read_some(byte), 0U);
}

void echo_with_many_connections(const char* where) {
  weft::test::run([&] {
    constexpr int connections = 200;
    tcp_listener listener{where};
    const address server = listener.local_address();
    group g;
    g.spawn([&] {
      group clients;
      for (int i = 0; i < connections; ++i) {
        clients.spawn([client = listener.accept()]() mutable { echo(client); });
      }
    });
    for (int i = 0; i < connections; ++i) g.spawn([&, i] { converse(server, static_cast<std::uint64_t>(i), 20); });
  });
}

TEST_F(tcp_test, echo_with_hundreds_of_connections) { echo_with_many_connections("127.0.0.1:0"); }
TEST_F(tcp_test, echo_over_ipv6) { echo_with_many_connections("[::1]:0"); }

// As many as the process may have, up to 5,000, all open and all waiting at once.
TEST_F(tcp_test, thousands_of_connections_wait_at_once) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const std::size_t connections =
      std::min<std::size_t>(static_cast<std::size_t>(weft::test::rounds(5'000)), (limit.rlim_cur - 100) / 2);
  weft::test::run([connections] {
    tcp_listener listener{"127.0.0.1:0"};
    std::vector<tcp_stream> clients;
    const std::uint64_t start = operations();
    group servers;
    for (std::size_t i = 0; i < connections; ++i) {
      clients.push_back(tcp_stream::connect(listener.local_address()));
      servers.spawn([s = listener.accept()]() mutable {
        std::array<std::byte, 1> byte{};
        while (s.read_some(byte) != 0) s.write_all(byte);
      });
    }
    yield_until([&] { return operations() >= start + connections; });
    for (tcp_stream& c : clients) c.write_all("x");
    std::array<std::byte, 1> byte{};
    for (tcp_stream& c : clients) ASSERT_TRUE(c.read_exactly(byte));
    clients.clear();
    servers.join();
  });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(tcp_test, several_fibers_accept_from_one_listener) {
  weft::test::run([] {
    constexpr int connections = 40;
    tcp_listener listener{"127.0.0.1:0"};
    std::atomic<int> accepted{0};
    group g;
    for (int i = 0; i < 4; ++i) {
      g.spawn([&] {
        for (int n = 0; n < connections / 4; ++n) {
          tcp_stream s = listener.accept();
          ++accepted;
          echo(s);
        }
      });
    }
    for (std::uint64_t i = 0; i < connections; ++i) g.spawn([&, i] { converse(listener.local_address(), i, 3); });
    g.join();
    EXPECT_EQ(accepted, connections);
  });
}

TEST_F(tcp_test, addresses_of_both_sides_agree) {
  weft::test::run([] {
    const connection c = connect_pair();
    EXPECT_EQ(c.client.peer_address(), c.server.local_address());
    EXPECT_EQ(c.client.local_address(), c.server.peer_address());
  });
}

TEST_F(tcp_test, a_half_closed_connection_still_carries_the_answer) {
  weft::test::run([] {
    connection c = connect_pair();
    group g;
    g.spawn([&] {
      std::string request;
      std::array<std::byte, 64> buffer;
      while (const std::size_t n = c.server.read_some(buffer)) request += text_of(std::span(buffer).first(n));
      EXPECT_EQ(request, "question");
      c.server.write_all("answer");
      c.server.close();
    });
    c.client.write_all("question");
    c.client.shutdown_write();
    std::array<std::byte, 6> answer{};
    EXPECT_TRUE(c.client.read_exactly(answer));
    EXPECT_EQ(text_of(answer), "answer");
    EXPECT_FALSE(c.client.read_exactly(answer)) << "the end, before the first byte";
  });
}

TEST_F(tcp_test, an_end_in_the_middle_is_an_error) {
  weft::test::run([] {
    connection c = connect_pair();
    c.server.write_all("abc");
    c.server.close();
    std::array<std::byte, 10> bytes{};
    const std::system_error e = error_of([&] { (void)c.client.read_exactly(bytes); });
    EXPECT_EQ(e.code().value(), ECONNABORTED);
    EXPECT_NE(std::string_view(e.what()).find("after 3"), std::string_view::npos) << e.what();
  });
}

void reset(tcp_stream& s) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(s.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  s.close();
}

TEST_F(tcp_test, a_reset_wakes_the_reader_with_an_error_that_names_the_peer) {
  weft::test::run([] {
    connection c = connect_pair();
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] {
      std::array<std::byte, 8> bytes{};
      const std::system_error e = error_of([&] { c.client.read_some(bytes); });
      EXPECT_EQ(e.code().value(), ECONNRESET);
      EXPECT_NE(std::string_view(e.what()).find("cannot read from connection with"), std::string_view::npos)
          << e.what();
    });
    yield_until([&] { return operations() > before; });
    reset(c.server);
  });
}

TEST_F(tcp_test, writing_to_a_connection_that_is_gone_is_an_error_and_no_signal) {
  weft::test::run([] {
    connection c = connect_pair();
    reset(c.server);
    const std::system_error e = error_of([&] {
      for (;;) c.client.write_all("x");
    });
    EXPECT_TRUE(e.code().value() == EPIPE || e.code().value() == ECONNRESET) << e.what();
  });
}

TEST_F(tcp_test, a_writer_waits_for_a_slow_reader) {
  weft::test::run([] {
    connection c = connect_pair();
    constexpr std::size_t size = 16'000'000;  // more than the buffers of both sides hold
    group g;
    g.spawn([&] {
      c.server.write_all(make_pattern(9, 0, size));
      c.server.close();
    });
    std::vector<std::byte> part(100'000);
    std::size_t got = 0;
    while (const std::size_t n = c.client.read_some(part)) {
      ASSERT_EQ(matching(std::span(part).first(n), 9, got), n);
      got += n;
    }
    EXPECT_EQ(got, size);
  });
}

TEST_F(tcp_test, a_refused_connection_names_the_address) {
  weft::test::run([] {
    tcp_listener gone{"127.0.0.1:0"};
    const address where = gone.local_address();
    gone.close();
    const std::system_error e = error_of([&] { (void)tcp_stream::connect(where); });
    EXPECT_EQ(e.code().value(), ECONNREFUSED);
    EXPECT_NE(std::string_view(e.what()).find("cannot connect to " + where.to_string()), std::string_view::npos)
        << e.what();
  });
}

TEST_F(tcp_test, a_port_in_use_is_an_error_with_a_remedy) {
  weft::test::run([] {
    const tcp_listener first{"127.0.0.1:0"};
    const std::system_error e = error_of([&] { tcp_listener second{first.local_address()}; });
    EXPECT_EQ(e.code().value(), EADDRINUSE);
    EXPECT_NE(std::string_view(e.what()).find(first.local_address().to_string()), std::string_view::npos) << e.what();
    EXPECT_NE(std::string_view(e.what()).find("use port 0"), std::string_view::npos) << e.what();
    const tcp_listener shared{"127.0.0.1:0", {.reuse_port = true}};
    EXPECT_NO_THROW(tcp_listener(shared.local_address(), {.reuse_port = true}));
  });
}

// Lets the process open no more descriptors than it has.
class no_more_descriptors {
 public:
  no_more_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    const rlimit tight{.rlim_cur = static_cast<rlim_t>(lowest_free), .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &tight);
  }
  ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  no_more_descriptors(const no_more_descriptors&) = delete;
  no_more_descriptors& operator=(const no_more_descriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(tcp_test, a_connection_waits_while_there_is_no_descriptor_for_it) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.1:0"};
    tcp_stream client = tcp_stream::connect(listener.local_address());
    {
      const no_more_descriptors limit;
      const std::system_error e = error_of([&] { (void)listener.accept(); });
      EXPECT_EQ(e.code().value(), EMFILE);
      EXPECT_NE(std::string_view(e.what()).find("cannot accept from listener on 127.0.0.1:"), std::string_view::npos)
          << e.what();
      EXPECT_EQ(error_of([&] { (void)tcp_stream::connect(listener.local_address()); }).code().value(), EMFILE);
    }
    EXPECT_EQ(listener.accept().peer_address(), client.local_address());
  });
}

TEST_F(tcp_test, an_address_of_another_machine_cannot_be_listened_on) {
  weft::test::run([] {
    const std::system_error e = error_of([] { tcp_listener{"192.0.2.1:0"}; });
    EXPECT_EQ(e.code().value(), EADDRNOTAVAIL);
    EXPECT_NE(std::string_view(e.what()).find("no such address"), std::string_view::npos) << e.what();
  });
}

TEST_F(tcp_test, a_port_is_free_again_when_its_listener_is_closed) {
  weft::test::run([] {
    tcp_listener first{"127.0.0.1:0"};
    const address where = first.local_address();
    for (int i = 0; i < 50; ++i) {
      tcp_stream client = tcp_stream::connect(where);
      tcp_stream server = first.accept();
      server.close();
      first.close();
      first = tcp_listener{where};
    }
  });
}

TEST_F(tcp_test, an_adopted_socket_pair_is_a_stream) {
  weft::test::run([] {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    tcp_stream a = tcp_stream::adopt(ends[0]);
    tcp_stream b = tcp_stream::adopt(ends[1]);
    group g;
    g.spawn([&] { echo(b); });
    a.write_all("ping");
    std::array<std::byte, 4> back{};
    EXPECT_TRUE(a.read_exactly(back));
    EXPECT_EQ(text_of(back), "ping");
    EXPECT_EQ(error_of([&] { (void)a.peer_address(); }).code().value(), EAFNOSUPPORT);
    a.close();
  });
}

TEST_F(tcp_test, ordinary_threads_may_use_connections) {
  connection c = connect_pair();
  c.client.write_all("plain");
  std::array<std::byte, 5> bytes{};
  EXPECT_TRUE(c.server.read_exactly(bytes));
  EXPECT_EQ(text_of(bytes), "plain");
  c.client.close();
  EXPECT_EQ(c.server.read_some(bytes), 0U);
}

}  // namespace
}  // namespace weft::io::test
