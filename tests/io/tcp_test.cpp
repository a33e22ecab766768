#include "io_support.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
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

// Lets the process open as many descriptors as it may.
class all_descriptors {
 public:
  all_descriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit most{.rlim_cur = before_.rlim_max, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &most), 0);
  }
  ~all_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  all_descriptors(const all_descriptors&) = delete;
  all_descriptors& operator=(const all_descriptors&) = delete;
  [[nodiscard]] std::size_t count() const { return before_.rlim_max; }

 private:
  rlimit before_{};
};

// As many as the process may have, up to 5,000, all open and all waiting at once.
TEST_F(tcp_test, thousands_of_connections_wait_at_once) {
  const all_descriptors limit;
  const std::size_t connections =
      std::min<std::size_t>(static_cast<std::size_t>(weft::test::rounds(5'000)), (limit.count() - 100) / 2);
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
    c.server.reset();
  });
}

TEST_F(tcp_test, writing_to_a_connection_that_is_gone_is_an_error_and_no_signal) {
  weft::test::run([] {
    connection c = connect_pair();
    c.server.reset();
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

// Counts what a listener with shortage_options::pause tells.
struct told {
  std::atomic<int> times{0};
  std::string line;

  shortage_options options() {
    return {.pause = true, .report = [this](const std::string& text) {
              line = text;
              ++times;
            }};
  }
};

// The undefined-behaviour sanitizer needs descriptors of its own when it sees a type for the first time.
void serve_one(tcp_listener& listener) {
  const tcp_stream client = tcp_stream::connect(listener.local_address());
  EXPECT_EQ(listener.accept().peer_address(), client.local_address());
}

TEST_F(tcp_test, a_server_outlasts_a_shortage_of_descriptors_and_says_so_once) {
  weft::test::run([] {
    told shortage;
    tcp_listener listener{"127.0.0.1:0", {.shortage = shortage.options()}};
    serve_one(listener);
    for (int round = 1; round <= 2; ++round) {
      std::vector<tcp_stream> clients;
      for (int i = 0; i < 3; ++i) clients.push_back(tcp_stream::connect(listener.local_address()));
      std::atomic<int> accepted{0};
      group g;
      {
        const no_more_descriptors limit;
        g.spawn([&] {
          for (int i = 0; i < 3; ++i) {
            tcp_stream s = listener.accept();
            ++accepted;
          }
        });
        yield_until([&] { return shortage.times == round; });
        weft::sleep_for(5ms);  // some attempts more, of which nobody is told
        EXPECT_EQ(accepted, 0);
      }
      g.join();
      EXPECT_EQ(accepted, 3);
      EXPECT_EQ(shortage.times, round) << "once for each shortage";
    }
    EXPECT_NE(shortage.line.find("listener on 127.0.0.1:"), std::string::npos) << shortage.line;
    EXPECT_NE(shortage.line.find("RLIMIT_NOFILE"), std::string::npos) << shortage.line;
  });
}

TEST_F(tcp_test, who_waits_for_a_descriptor_can_be_cancelled_and_closed) {
  weft::test::run([] {
    told shortage;
    tcp_listener listener{"127.0.0.1:0", {.shortage = shortage.options()}};
    serve_one(listener);
    const tcp_stream client = tcp_stream::connect(listener.local_address());
    const no_more_descriptors limit;
    {
      group g;
      g.spawn([&] { (void)listener.accept(); });
      yield_until([&] { return shortage.times == 1; });
      g.cancel();
      g.join();
    }
    group g;
    g.spawn([&] {
      std::error_code error;
      EXPECT_FALSE(listener.accept(error).is_open());
      EXPECT_EQ(error, std::errc::operation_canceled);
    });
    weft::sleep_for(2ms);
    listener.close();
    g.join();
    EXPECT_EQ(shortage.times, 1);
  });
}

TEST_F(tcp_test, a_thousand_connect_at_once) {
  const all_descriptors limit;
  weft::test::run([] {
    const int storm = weft::test::rounds(1'000);
    tcp_listener listener{"127.0.0.1:0"};
    std::atomic<int> served{0};
    group g;
    for (int i = 0; i < storm; ++i) {
      g.spawn([&] {
        tcp_stream s = tcp_stream::connect(listener.local_address());
        std::array<std::byte, 1> byte{};
        EXPECT_TRUE(s.read_exactly(byte));
        ++served;
      });
    }
    for (int i = 0; i < storm; ++i) g.spawn([s = listener.accept()]() mutable { s.write_all("x"); });
    g.join();
    EXPECT_EQ(served, storm);
  });
}

// What the system holds for both sides is all that a writer can be ahead.
TEST_F(tcp_test, a_writer_is_held_back_by_a_reader_that_does_not_read) {
  weft::test::run([] {
    connection c = connect_pair();
    std::atomic<std::size_t> written{0};
    constexpr std::size_t size = 60'000'000;
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] {
      while (written < size) written += c.server.write_some(make_pattern(2, written, 100'000));
      c.server.close();
    });
    yield_until([&] { return operations() > before; });
    for (int i = 0; i < 100; ++i) weft::yield();
    EXPECT_LT(written, size / 2);
    std::vector<std::byte> part(100'000);
    std::size_t got = 0;
    while (const std::size_t n = c.client.read_some(part)) {
      ASSERT_EQ(matching(std::span(part).first(std::min<std::size_t>(n, 100)), 2, got), std::min<std::size_t>(n, 100));
      got += n;
    }
    EXPECT_EQ(got, written);
  });
}

TEST_F(tcp_test, errors_may_be_reported_instead_of_thrown) {
  weft::test::run([] {
    std::error_code error;
    tcp_listener gone{"127.0.0.1:0"};
    const address where = gone.local_address();
    gone.close();
    EXPECT_FALSE(tcp_stream::connect(where, error).is_open());
    EXPECT_EQ(error, std::errc::connection_refused);
    EXPECT_FALSE(gone.accept(error).is_open());
    EXPECT_EQ(error, std::errc::bad_file_descriptor);

    tcp_listener listener{"127.0.0.1:0"};
    tcp_stream client = tcp_stream::connect(listener.local_address(), error);
    EXPECT_FALSE(error);
    tcp_stream server = listener.accept(error);
    EXPECT_FALSE(error);
    error = std::make_error_code(std::errc::io_error);
    client.write_all("abcde", error);
    EXPECT_FALSE(error) << "a call that goes well clears it";
    std::array<std::byte, 3> bytes{};
    EXPECT_TRUE(server.read_exactly(bytes, error));
    client.close();
    EXPECT_FALSE(server.read_exactly(bytes, error));
    EXPECT_EQ(error, std::errc::connection_aborted) << "the end came in the middle";
    EXPECT_FALSE(server.read_exactly(bytes, error));
    EXPECT_FALSE(error) << "the end, before the first byte";
    EXPECT_EQ(client.read_some(bytes, error), 0U);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    while (!error || error == std::errc::bad_file_descriptor) server.write_all("x", error);
    EXPECT_TRUE(error == std::errc::broken_pipe || error == std::errc::connection_reset) << error.message();
    tcp_stream empty;
    EXPECT_EQ(empty.write_some(bytes, error), 0U);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
  });
}

TEST_F(tcp_test, a_waiting_reader_is_told_of_a_close_by_an_error_code) {
  weft::test::run([] {
    connection c = connect_pair();
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] {
      std::array<std::byte, 8> bytes{};
      std::error_code error;
      EXPECT_EQ(c.client.read_some(bytes, error), 0U);
      EXPECT_EQ(error, std::errc::operation_canceled);
    });
    yield_until([&] { return operations() > before; });
    c.client.close();
  });
}

TEST_F(tcp_test, keep_alive_and_buffer_sizes) {
  weft::test::run([] {
    connection c = connect_pair();
    const auto option = [&](int level, int name) {
      int value = 0;
      socklen_t size = sizeof value;
      EXPECT_EQ(::getsockopt(c.client.native_handle(), level, name, &value, &size), 0);
      return value;
    };
    c.client.set_keep_alive(true, {.idle = 30s, .interval = 5s, .probes = 3});
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 30);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 5);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
    c.client.set_keep_alive(false);
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(error_of([&] { c.client.set_keep_alive(true, {.idle = 0s}); }).code().value(), EINVAL);
    c.client.set_send_buffer_size(30'000);
    EXPECT_GE(c.client.send_buffer_size(), 30'000U);
    c.client.set_receive_buffer_size(30'000);
    EXPECT_GE(c.client.receive_buffer_size(), 30'000U);
  });
}

TEST_F(tcp_test, only_listeners_are_adopted_as_listeners) {
  weft::test::run([] {
    tcp_listener original{"127.0.0.1:0"};
    tcp_listener adopted = tcp_listener::adopt(::dup(original.native_handle()));
    tcp_stream client = tcp_stream::connect(adopted.local_address());
    EXPECT_EQ(adopted.accept().peer_address(), client.local_address());
    EXPECT_EQ(error_of([&] { (void)tcp_listener::adopt(::dup(client.native_handle())); }).code().value(), EINVAL);
    EXPECT_EQ(error_of([] { (void)tcp_listener::adopt(::dup(0)); }).code().value(), ENOTSOCK);
    const unix_listener local{"@weft-adopt-" + std::to_string(::getpid())};
    EXPECT_EQ(error_of([&] { (void)tcp_listener::adopt(::dup(local.native_handle())); }).code().value(), EAFNOSUPPORT);
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
