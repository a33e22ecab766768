#include "io_support.hpp"

#include <sys/socket.h>

#include <atomic>
#include <thread>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using udp_test = io_test;

std::string text_of(const received& r, std::span<const std::byte> buffer) {
  return std::string(test::text_of(buffer.first(r.size)));
}

void exchange_with_echo(const char* where) {
  weft::test::run([&] {
    constexpr int clients = 50;
    constexpr int questions = 20;
    udp_socket server{where};
    group g;
    g.spawn_daemon([&server] {
      std::array<std::byte, 2048> buffer;
      for (;;) {
        const received_from r = server.receive_from(buffer);
        server.send_to(std::span(buffer).first(r.size), r.from);
      }
    });
    for (std::uint64_t c = 0; c < clients; ++c) {
      g.spawn([&server, c] {
        udp_socket client = udp_socket::connect(server.local_address());
        std::array<std::byte, 2048> buffer;
        for (std::uint64_t q = 0; q < questions; ++q) {
          const auto question = make_pattern(c, q, 1 + (c * q) % 1400);
          client.send(question);
          const received r = client.receive(buffer);
          EXPECT_EQ(r.size, question.size());
          EXPECT_FALSE(r.truncated);
          EXPECT_EQ(matching(std::span(buffer).first(r.size), c, q), r.size);
        }
      });
    }
  });
}

TEST_F(udp_test, echo_with_many_clients) { exchange_with_echo("127.0.0.1:0"); }
TEST_F(udp_test, echo_over_ipv6) { exchange_with_echo("[::1]:0"); }

TEST_F(udp_test, one_socket_hears_both_families) {
  weft::test::run([] {
    udp_socket server{"[::]:0"};
    udp_socket client{"127.0.0.1:0"};
    client.send_to("four", address("127.0.0.1:0").with_port(server.local_address().port()));
    std::array<std::byte, 16> buffer;
    const received_from r = server.receive_from(buffer);
    EXPECT_EQ(text_of(r, buffer), "four");
    EXPECT_EQ(r.from.host(), "::ffff:127.0.0.1");
  });
}

TEST_F(udp_test, a_receiver_waits_and_learns_the_sender) {
  weft::test::run([] {
    udp_socket receiver{"127.0.0.1:0"};
    udp_socket sender{"127.0.0.1:0"};
    const std::uint64_t before = operations();
    group g;
    const task<void> receiving = g.spawn([&] {
      std::array<std::byte, 16> buffer;
      const received_from r = receiver.receive_from(buffer);
      EXPECT_EQ(text_of(r, buffer), "hello");
      EXPECT_EQ(r.from, sender.local_address());
    });
    yield_until([&] { return operations() > before; });
    EXPECT_FALSE(receiving.done());
    sender.send_to("hello", receiver.local_address());
  });
}

TEST_F(udp_test, what_does_not_fit_is_cut_off_and_told) {
  weft::test::run([] {
    udp_socket receiver{"127.0.0.1:0"};
    udp_socket sender = udp_socket::connect(receiver.local_address());
    sender.send("0123456789");
    sender.send("next");
    std::array<std::byte, 4> buffer;
    const received first = receiver.receive(buffer);
    EXPECT_EQ(text_of(first, buffer), "0123");
    EXPECT_TRUE(first.truncated);
    const received next = receiver.receive(buffer);
    EXPECT_EQ(text_of(next, buffer), "next");
    EXPECT_FALSE(next.truncated);
  });
}

TEST_F(udp_test, an_empty_datagram_is_a_datagram) {
  weft::test::run([] {
    udp_socket receiver{"127.0.0.1:0"};
    udp_socket sender = udp_socket::connect(receiver.local_address());
    sender.send(std::span<const std::byte>());
    std::array<std::byte, 4> buffer;
    EXPECT_EQ(receiver.receive(buffer).size, 0U);
  });
}

TEST_F(udp_test, rows_of_datagrams) {
  weft::test::run([] {
    constexpr std::size_t count = 100;
    udp_socket receiver{"127.0.0.1:0"};
    udp_socket sender{"127.0.0.1:0"};
    std::vector<std::vector<std::byte>> contents;
    std::vector<outgoing_datagram> row;
    for (std::size_t i = 0; i < count; ++i) contents.push_back(make_pattern(1, i, 1 + i));
    for (const auto& c : contents) row.push_back({.data = c, .to = receiver.local_address()});
    group g;
    g.spawn([&] {
      std::vector<std::array<std::byte, 99>> buffers(40);
      std::size_t got = 0;
      while (got < count) {
        std::vector<incoming_datagram> places(buffers.size());
        for (std::size_t i = 0; i < places.size(); ++i) places[i].buffer = buffers[i];
        const std::size_t came = receiver.receive_many(places);
        ASSERT_GT(came, 0U);
        ASSERT_LE(came, 32U);
        for (std::size_t i = 0; i < came; ++i, ++got) {
          EXPECT_EQ(places[i].size, std::min<std::size_t>(got + 1, 99));
          EXPECT_EQ(places[i].truncated, got + 1 > 99);
          EXPECT_EQ(places[i].from, sender.local_address());
          EXPECT_EQ(matching(places[i].buffer.first(places[i].size), 1, got), places[i].size);
        }
        if (came < places.size()) {
          EXPECT_EQ(places[came].size, 0U) << "the others are left as they were";
        }
      }
    });
    EXPECT_EQ(sender.send_many(row), count);
    g.join();

    sender.set_peer(receiver.local_address());
    std::vector<std::span<const std::byte>> to_peer(contents.begin(), contents.end());
    EXPECT_EQ(sender.send_many(to_peer), count);
    EXPECT_EQ(sender.send_many(std::span<const outgoing_datagram>()), 0U);
    EXPECT_EQ(receiver.receive_many({}), 0U);
  });
}

TEST_F(udp_test, a_row_ends_where_one_fails) {
  weft::test::run([] {
    udp_socket receiver{"127.0.0.1:0"};
    udp_socket sender{"127.0.0.1:0"};
    const std::vector<std::byte> good = make_pattern(1, 0, 10);
    const std::vector<std::byte> too_large(70'000);
    const std::array<outgoing_datagram, 3> row{outgoing_datagram{good, receiver.local_address()},
                                               outgoing_datagram{too_large, receiver.local_address()},
                                               outgoing_datagram{good, receiver.local_address()}};
    EXPECT_EQ(sender.send_many(row), 1U);
    const std::system_error e = error_of([&] { sender.send_many(std::span(row).subspan(1)); });
    EXPECT_EQ(e.code().value(), EMSGSIZE);
    EXPECT_NE(std::string_view(e.what()).find("cannot send 70000 bytes from UDP socket on 127.0.0.1:"),
              std::string_view::npos)
        << e.what();
    EXPECT_NE(std::string_view(e.what()).find("65,507"), std::string_view::npos) << e.what();
  });
}

TEST_F(udp_test, nobody_there_is_learnt_by_a_later_call) {
  weft::test::run([] {
    udp_socket gone{"127.0.0.1:0"};
    udp_socket client = udp_socket::connect(gone.local_address());
    gone.close();
    client.send("hello?");
    std::array<std::byte, 4> buffer;
    EXPECT_EQ(error_of([&] { client.receive(buffer); }).code().value(), ECONNREFUSED);
    std::error_code error;
    client.send(std::as_bytes(std::span("again")), error);
    EXPECT_FALSE(error) << "the error was told once";
    client.receive(buffer, error);
    EXPECT_EQ(error, std::errc::connection_refused);
  });
}

TEST_F(udp_test, a_cancelled_receiver_leaves_the_datagram_to_the_next) {
  weft::test::run([] {
    udp_socket receiver{"127.0.0.1:0"};
    udp_socket sender = udp_socket::connect(receiver.local_address());
    for (int i = 0; i < 30; ++i) {
      std::array<std::byte, 8> poisoned;
      poisoned.fill(std::byte{0xA5});
      {
        const std::uint64_t before = operations();
        group g;
        g.spawn([&] { receiver.receive(poisoned); });
        yield_until([&] { return operations() > before; });
        g.cancel();
        g.join();
      }
      sender.send("kept");
      std::array<std::byte, 8> buffer;
      EXPECT_EQ(text_of(receiver.receive(buffer), buffer), "kept");
      EXPECT_TRUE(std::all_of(poisoned.begin(), poisoned.end(), [](std::byte b) { return b == std::byte{0xA5}; }));
    }
  });
}

TEST_F(udp_test, deadlines_end_waits) {
  weft::test::run([] {
    udp_socket receiver{"127.0.0.1:0"};
    std::array<std::byte, 8> buffer;
    std::array<incoming_datagram, 1> places{incoming_datagram{.buffer = buffer, .from = {}}};
    EXPECT_THROW(with_deadline(1ms, [&] { receiver.receive(buffer); }), timeout_error);
    EXPECT_THROW(with_deadline(1ms, [&] { receiver.receive_many(places); }), timeout_error);
  });
}

TEST_F(udp_test, closing_wakes_those_who_receive) {
  weft::test::run([] {
    udp_socket receiver{"127.0.0.1:0"};
    const std::uint64_t before = operations();
    group g;
    for (int i = 0; i < 4; ++i) {
      g.spawn([&] {
        std::array<std::byte, 8> buffer;
        const std::system_error e = error_of([&] { receiver.receive_from(buffer); });
        EXPECT_EQ(e.code().value(), ECANCELED);
        EXPECT_NE(std::string_view(e.what()).find("closed by another fiber"), std::string_view::npos) << e.what();
      });
    }
    yield_until([&] { return operations() >= before + 4; });
    receiver.close();
    g.join();
    std::error_code error;
    std::array<std::byte, 8> buffer;
    receiver.receive(buffer, error);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
  });
}

TEST_F(udp_test, a_port_in_use_is_an_error_with_a_remedy) {
  weft::test::run([] {
    const udp_socket first{"127.0.0.1:0", {.reuse_port = true}};
    const std::system_error e = error_of([&] { udp_socket second{first.local_address()}; });
    EXPECT_EQ(e.code().value(), EADDRINUSE);
    EXPECT_NE(std::string_view(e.what()).find("use port 0"), std::string_view::npos) << e.what();
    EXPECT_NO_THROW(udp_socket(first.local_address(), {.reuse_port = true}));
  });
}

TEST_F(udp_test, broadcasting_must_be_asked_for) {
  weft::test::run([] {
    udp_socket plain{"0.0.0.0:0"};
    const std::system_error e = error_of([&] { plain.send_to("x", "255.255.255.255:9"); });
    EXPECT_TRUE(e.code().value() == EACCES || e.code().value() == ENETUNREACH) << e.what();
    if (e.code().value() == EACCES) {
      EXPECT_NE(std::string_view(e.what()).find("udp_options::broadcast"), std::string_view::npos) << e.what();
    }
    const udp_socket allowed{"0.0.0.0:0", {.broadcast = true}};
    int value = 0;
    socklen_t size = sizeof value;
    ASSERT_EQ(::getsockopt(allowed.native_handle(), SOL_SOCKET, SO_BROADCAST, &value, &size), 0);
    EXPECT_NE(value, 0);
  });
}

TEST_F(udp_test, sending_without_a_peer_names_the_remedy) {
  weft::test::run([] {
    udp_socket s{"127.0.0.1:0"};
    const std::system_error e = error_of([&] { s.send("x"); });
    EXPECT_EQ(e.code().value(), EDESTADDRREQ);
    EXPECT_NE(std::string_view(e.what()).find("use send_to()"), std::string_view::npos) << e.what();
  });
}

TEST_F(udp_test, buffer_sizes_are_what_was_wished_for) {
  weft::test::run([] {
    udp_socket s{"127.0.0.1:0"};
    s.set_receive_buffer_size(50'000);
    s.set_send_buffer_size(60'000);
    EXPECT_GE(s.receive_buffer_size(), 50'000U);
    EXPECT_GE(s.send_buffer_size(), 60'000U);
  });
}

TEST_F(udp_test, ordinary_threads_may_use_sockets) {
  udp_socket server{"127.0.0.1:0"};
  std::thread answering([&] {
    std::array<std::byte, 16> buffer;
    const received_from r = server.receive_from(buffer);
    server.send_to(std::span(buffer).first(r.size), r.from);
  });
  udp_socket client = udp_socket::connect(server.local_address());
  client.send("plain");
  std::array<std::byte, 16> buffer;
  EXPECT_EQ(text_of(client.receive(buffer), buffer), "plain");
  answering.join();
  std::array<incoming_datagram, 4> places{};
  client.send("row");
  places[0].buffer = buffer;
  EXPECT_EQ(server.receive_many(places), 1U);
  EXPECT_EQ(text_of({.size = places[0].size}, buffer), "row");
}

}  // namespace
}  // namespace weft::io::test
