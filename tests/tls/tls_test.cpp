#include <boost/beast/core/stream_traits.hpp>

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <fstream>

#include <weft/io/asio.hpp>
#include <weft/io/tls/tls.hpp>

#include "credentials.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;

static_assert(boost::beast::is_sync_stream<tls_stream>::value);

constexpr const char* host = "server.test";

class tls_test : public io_test {
 protected:
  void SetUp() override {
    // OpenSSL opens what it needs once.
    folder_.emplace();
    ca_.emplace(*folder_);
    good_ = ca_->issue("DNS:server.test,IP:127.0.0.1");
    io_test::SetUp();
  }

  [[nodiscard]] tls_context server(const tls_server_options& o = {}) const {
    return tls_context::server(good_.chain, good_.key, o);
  }
  [[nodiscard]] tls_context client(std::vector<std::string> protocols = {}) const {
    return tls_context::client({.authorities = ca_->certificate(), .protocols = std::move(protocols)});
  }
  [[nodiscard]] const authority& ca() const { return *ca_; }
  [[nodiscard]] const credentials& good() const { return good_; }
  [[nodiscard]] std::filesystem::path file(std::string_view name) const { return *folder_ / name; }

 private:
  std::optional<temporary_folder> folder_;
  std::optional<authority> ca_;
  credentials good_;
};

struct tls_pair {
  tls_stream client;
  tls_stream server;
};

tls_pair shake_hands(const tls_context& client, const tls_context& server, std::string_view name = host) {
  connection c = connect_pair();
  tls_pair p;
  group g;
  g.spawn([&] { p.server = tls_stream::accept(server, std::move(c.server)); });
  p.client = tls_stream::connect(client, std::move(c.client), name);
  g.join();
  return p;
}

// The error that the client gets; the server's is not looked at.
std::system_error refused_handshake(const tls_context& client, const tls_context& server,
                                    std::string_view name = host) {
  connection c = connect_pair();
  group g;
  g.spawn([&] {
    try {
      tls_stream s = tls_stream::accept(server, std::move(c.server));
      std::array<std::byte, 1> byte{};
      s.read_some(byte);
    } catch (const std::system_error&) {
    }
  });
  const std::system_error e = error_of([&] { (void)tls_stream::connect(client, std::move(c.client), name); });
  g.join();
  return e;
}

std::string read_all(tls_stream& s) {
  std::string all;
  std::array<std::byte, 4096> part;
  while (const std::size_t n = s.read_some(part)) all += text_of(std::span(part).first(n));
  return all;
}

// Why the server refused, whatever the client has been told by then: TLS 1.3's does not wait for an answer.
std::error_code error_of_server(const tls_context& client, const tls_context& server) {
  connection c = connect_pair();
  std::error_code error;
  group g;
  g.spawn([&] { static_cast<void>(tls_stream::accept(server, std::move(c.server), error)); });
  std::error_code ignored;
  const tls_stream s = tls_stream::connect(client, std::move(c.client), host, ignored);
  g.join();
  return error;
}

TEST_F(tls_test, both_sides_talk_and_say_goodbye) {
  weft::test::run([&] {
    const tls_context c = client();
    const tls_context s = server();
    tls_pair p = shake_hands(c, s);
    EXPECT_EQ(p.client.version(), "TLSv1.3");
    EXPECT_EQ(p.server.server_name(), host);
    EXPECT_EQ(p.client.protocol(), "");
    EXPECT_FALSE(p.client.resumed());
    group g;
    g.spawn([&] {
      EXPECT_EQ(read_all(p.server), "question");
      p.server.write_all("answer");
      p.server.shutdown_write();
    });
    p.client.write_all("question");
    p.client.shutdown_write();
    EXPECT_EQ(read_all(p.client), "answer");
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(p.client.read_some(byte), 0U) << "the end stays the end";
    EXPECT_EQ(c.statistics().handshakes, 1U);
    EXPECT_EQ(s.statistics().handshakes, 1U);
  });
}

TEST_F(tls_test, a_numeric_address_is_a_name_too) {
  weft::test::run([&] {
    EXPECT_NO_THROW(shake_hands(client(), server(), "127.0.0.1"));
    EXPECT_EQ(refused_handshake(client(), server(), "127.0.0.2").code(), tls_errc::wrong_host);
  });
}

TEST_F(tls_test, certificates_that_are_refused) {
  weft::test::run([&] {
    const std::system_error wrong = refused_handshake(client(), server(), "other.test");
    EXPECT_EQ(wrong.code(), tls_errc::wrong_host) << wrong.what();
    EXPECT_NE(std::string_view(wrong.what()).find("other.test"), std::string_view::npos) << wrong.what();

    const credentials own = ca().self_signed("DNS:server.test");
    const std::system_error untrusted = refused_handshake(client(), tls_context::server(own.chain, own.key));
    EXPECT_EQ(untrusted.code(), tls_errc::untrusted_certificate) << untrusted.what();

    const std::system_error unknown = refused_handshake(tls_context::client(), server());
    EXPECT_EQ(unknown.code(), tls_errc::untrusted_certificate) << "the system does not know the test's authority";
    EXPECT_NE(std::string_view(unknown.what()).find("authorities"), std::string_view::npos) << unknown.what();

    const tls_context careless = tls_context::client({.verify = false});
    EXPECT_NO_THROW(shake_hands(careless, tls_context::server(own.chain, own.key), "whatever.test"));
  });
}

// What a client says of one is in foreign_peer_test: a server of ours does not start with it.
TEST_F(tls_test, a_server_may_ask_for_certificates) {
  weft::test::run([this] {
    const credentials alice = ca().issue("email:alice@example.test");
    const tls_context with = tls_context::client(
        {.authorities = ca().certificate(), .own = {.certificate_chain = alice.chain, .key = alice.key}});
    const tls_context without = client();
    const auto asking = [this](client_certificate clients) {
      return server({.clients = clients, .client_authorities = ca().certificate()});
    };
    EXPECT_EQ(shake_hands(with, asking(client_certificate::required)).server.peer_name().substr(0, 8), "CN=leaf ");
    EXPECT_EQ(shake_hands(with, asking(client_certificate::required)).client.peer_name().substr(0, 8), "CN=leaf ");
    EXPECT_EQ(shake_hands(without, asking(client_certificate::optional)).server.peer_name(), "");
    EXPECT_EQ(shake_hands(with, server()).server.peer_name(), "");
    EXPECT_EQ(error_of_server(without, asking(client_certificate::required)), tls_errc::untrusted_certificate);
    const credentials mallory = ca().self_signed("email:mallory@example.test");
    const tls_context stranger = tls_context::client(
        {.authorities = ca().certificate(), .own = {.certificate_chain = mallory.chain, .key = mallory.key}});
    EXPECT_EQ(error_of_server(stranger, asking(client_certificate::required)), tls_errc::untrusted_certificate);
    EXPECT_EQ(error_of_server(stranger, asking(client_certificate::optional)), tls_errc::untrusted_certificate);
  });
}

TEST_F(tls_test, errors_are_given_as_codes_to_those_who_want_them) {
  weft::test::run([this] {
    std::error_code error;
    connection c = connect_pair();
    group g;
    g.spawn([&] {
      std::error_code of_server;
      EXPECT_FALSE(tls_stream::accept(server(), std::move(c.server), of_server).is_open());
      EXPECT_EQ(of_server, tls_errc::refused_by_peer);
    });
    EXPECT_FALSE(tls_stream::connect(client(), std::move(c.client), "other.test", error).is_open());
    EXPECT_EQ(error, tls_errc::wrong_host);
    g.join();

    tls_pair p = shake_hands(client(), server());
    p.client.write_all(std::as_bytes(std::span("ab", 2)), error);
    EXPECT_FALSE(error);
    std::array<std::byte, 2> buffer{};
    EXPECT_EQ(p.server.read_some(buffer, error), 2U);
    EXPECT_EQ(p.server.write_some(buffer, error), 2U);
    p.server.shutdown_write(error);
    EXPECT_FALSE(error);
    EXPECT_EQ(p.client.read_some(buffer, error), 2U);
    EXPECT_EQ(p.client.read_some(buffer, error), 0U);
    EXPECT_FALSE(error);
    p.client.close();
    EXPECT_EQ(p.client.write_some(buffer, error), 0U);
    EXPECT_TRUE(error);
    EXPECT_EQ(tls_stream().write_some(buffer, error), 0U);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
  });
}

TEST_F(tls_test, a_server_does_not_start_with_a_certificate_that_is_not_valid_now) {
  weft::test::run([&] {
    const credentials old = ca().issue("DNS:server.test", -10, -1);
    const std::system_error e = error_of([&] { (void)tls_context::server(old.chain, old.key); });
    EXPECT_EQ(e.code(), tls_errc::bad_credentials);
    EXPECT_NE(std::string_view(e.what()).find("expired on"), std::string_view::npos) << e.what();
    const credentials future = ca().issue("DNS:server.test", 1, 10);
    const std::system_error early = error_of([&] { (void)tls_context::server(future.chain, future.key); });
    EXPECT_NE(std::string_view(early.what()).find("not valid before"), std::string_view::npos) << early.what();
  });
}

TEST_F(tls_test, files_that_are_no_credentials_are_named) {
  weft::test::run([&] {
    const auto message = [](auto&& f) {
      const std::system_error e = error_of(f);
      EXPECT_EQ(e.code(), tls_errc::bad_credentials);
      return std::string(e.what());
    };
    EXPECT_NE(message([&] { (void)tls_context::server(file("no.pem"), good().key); }).find("no.pem"),
              std::string::npos);
    EXPECT_NE(message([&] { (void)tls_context::server(good().chain, file("no.pem")); }).find("no.pem"),
              std::string::npos);
    EXPECT_NE(message([&] { (void)tls_context::server(good().key, good().key); }).find("certificate chain"),
              std::string::npos);
    const credentials other = ca().issue("DNS:other.test");
    EXPECT_NE(message([&] { (void)tls_context::server(good().chain, other.key); }).find("not that of the certificate"),
              std::string::npos);
    std::ofstream(file("junk.pem")) << "junk";
    EXPECT_NE(message([&] { (void)tls_context::client({.authorities = file("junk.pem")}); }).find("junk.pem"),
              std::string::npos);
    EXPECT_THROW((void)client({std::string()}), std::invalid_argument);
  });
}

TEST_F(tls_test, contexts_are_of_one_side) {
  weft::test::run([&] {
    connection c = connect_pair();
    EXPECT_THROW((void)tls_stream::connect(server(), std::move(c.client), host), std::invalid_argument);
    EXPECT_THROW((void)tls_stream::accept(client(), std::move(c.server)), std::invalid_argument);
  });
}

TEST_F(tls_test, protocols_are_agreed_upon_or_refused) {
  weft::test::run([&] {
    const tls_context s = server({.protocols = {"h2", "http/1.1"}});
    const tls_pair p = shake_hands(client({"http/1.1", "h2"}), s);
    EXPECT_EQ(p.client.protocol(), "h2") << "the server's order counts";
    EXPECT_EQ(p.server.protocol(), "h2");
    EXPECT_EQ(shake_hands(client(), s).server.protocol(), "");
    const std::system_error e = refused_handshake(client({"smtp"}), s);
    EXPECT_EQ(e.code(), tls_errc::no_common_protocol) << e.what();
    EXPECT_EQ(s.statistics().failed, 1U);
  });
}

TEST_F(tls_test, a_connection_that_just_ends_is_no_end) {
  weft::test::run([&] {
    tls_pair p = shake_hands(client(), server());
    p.server.write_all("half a sent");
    p.server.close();
    std::array<std::byte, 64> bytes{};
    EXPECT_EQ(p.client.read_some(bytes), 11U);
    for (int i = 0; i < 2; ++i) {
      const std::system_error e = error_of([&] { p.client.read_some(bytes); });
      EXPECT_EQ(e.code(), tls_errc::truncated) << e.what();
    }
  });
}

TEST_F(tls_test, a_peer_that_speaks_something_else) {
  weft::test::run([&] {
    connection c = connect_pair();
    group g;
    g.spawn([&] {
      std::array<std::byte, 2048> bytes{};
      c.server.read_some(bytes);
      c.server.write_all("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    const std::system_error e = error_of([&] { (void)tls_stream::connect(client(), std::move(c.client), host); });
    EXPECT_EQ(e.code(), tls_errc::protocol_failure) << e.what();
    g.join();
    connection d = connect_pair();
    d.client.write_all("GET / HTTP/1.1\r\n\r\n");
    const std::system_error f = error_of([&] { (void)tls_stream::accept(server(), std::move(d.server)); });
    EXPECT_EQ(f.code(), tls_errc::protocol_failure) << f.what();
  });
}

TEST_F(tls_test, sessions_are_resumed) {
  weft::test::run([&] {
    const tls_context c = client();
    const tls_context s = server();
    for (int i = 0; i < 4; ++i) {
      tls_pair p = shake_hands(c, s);
      p.server.write_all("x");  // the tickets come before it
      std::array<std::byte, 1> byte{};
      EXPECT_EQ(p.client.read_some(byte), 1U);
      EXPECT_EQ(p.client.resumed(), i != 0);
    }
    EXPECT_EQ(c.statistics().resumed, 3U);
    EXPECT_EQ(s.statistics().resumed, 3U);
  });
}

// More both ways than the buffers hold: a reader that waited for the writer's turn would never come to an end.
TEST_F(tls_test, one_fiber_reads_while_another_writes) {
  weft::test::run([&] {
    tls_pair p = shake_hands(client(), server());
    constexpr auto size = static_cast<std::size_t>(weft::test::rounds(8'000'000));
    const auto write = [&](tls_stream& to, std::uint64_t stream) {
      to.write_all(make_pattern(stream, 0, size));
      to.shutdown_write();
    };
    const auto read = [&](tls_stream& from, std::uint64_t stream) {
      std::vector<std::byte> part(30'000);
      std::size_t got = 0;
      while (const std::size_t n = from.read_some(part)) {
        ASSERT_EQ(matching(std::span(part).first(n), stream, got), n);
        got += n;
      }
      EXPECT_EQ(got, size);
    };
    group g;
    g.spawn([&] { write(p.client, 1); });
    g.spawn([&] { write(p.server, 2); });
    g.spawn([&] { read(p.server, 1); });
    g.spawn([&] { read(p.client, 2); });
  });
}

TEST_F(tls_test, a_hundred_connections_at_once) {
  weft::test::run([&] {
    const tls_context c = client();
    const tls_context s = server();
    const int connections = weft::test::rounds(100);
    tcp_listener listener{"127.0.0.1:0"};
    group g;
    g.spawn([&] {
      group clients;
      for (int i = 0; i < connections; ++i) {
        clients.spawn([&s, accepted = listener.accept()]() mutable {
          tls_stream t = tls_stream::accept(s, std::move(accepted));
          std::array<std::byte, 4096> buffer;
          while (const std::size_t n = t.read_some(buffer)) t.write_all(std::span(buffer).first(n));
          t.shutdown_write();
        });
      }
    });
    for (int i = 0; i < connections; ++i) {
      g.spawn([&, i] {
        tls_stream t = tls_stream::connect(c, tcp_stream::connect(listener.local_address()), host);
        const std::vector<std::byte> sent = make_pattern(static_cast<std::uint64_t>(i), 0, 10'000);
        group both;
        both.spawn([&] {
          t.write_all(sent);
          t.shutdown_write();
        });
        EXPECT_EQ(read_all(t), text_of(sent));
      });
    }
    g.join();
    EXPECT_EQ(s.statistics().handshakes, static_cast<std::uint64_t>(connections));
  });
}

TEST_F(tls_test, a_cancelled_reader_loses_nothing) {
  weft::test::run([&] {
    tls_pair p = shake_hands(client(), server());
    p.server.write_all("0");  // with the tickets before it
    std::array<std::byte, 64> bytes{};
    EXPECT_EQ(p.client.read_some(bytes), 1U);
    for (int i = 0; i < 20; ++i) {
      {
        const std::uint64_t before = operations();
        group g;
        g.spawn([&] {
          p.client.read_some(bytes);
          ADD_FAILURE() << "there was nothing to read";
        });
        yield_until([&] { return operations() > before; });
        g.cancel();
      }
      p.server.write_all("for the next");
      EXPECT_EQ(p.client.read_some(bytes), 12U);
    }
    EXPECT_THROW(with_deadline(1ms, [&] { return p.client.read_some(bytes); }), timeout_error);
    EXPECT_THROW(with_deadline(1ms,
                               [&] {
                                 connection c = connect_pair();
                                 (void)tls_stream::connect(client(), std::move(c.client), host);
                               }),
                 timeout_error)
        << "a server that says nothing";
  });
}

// What was encrypted when the writer was cancelled is sent later, so the peer sees whole records, and bytes in order.
TEST_F(tls_test, a_cancelled_writer_leaves_a_connection_that_works) {
  weft::test::run([&] {
    tls_pair p = shake_hands(client(), server());
    EXPECT_THROW(with_deadline(5ms,
                               [&] {
                                 for (std::uint64_t place = 0;; place += 50'000)
                                   p.client.write_all(make_pattern(3, place, 50'000));
                               }),
                 timeout_error);
    group g;
    g.spawn([&] {
      p.client.write_all("the end");
      p.client.shutdown_write();
    });
    const std::string all = read_all(p.server);
    const std::vector<std::byte> expected = make_pattern(3, 0, all.size() - 7);
    EXPECT_EQ(all.substr(all.size() - 7), "the end");
    EXPECT_TRUE(all.starts_with(text_of(expected)));
  });
}

TEST_F(tls_test, closing_wakes_the_reader) {
  weft::test::run([&] {
    tls_pair p = shake_hands(client(), server());
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] {
      std::array<std::byte, 8> bytes{};
      EXPECT_EQ(error_of([&] { p.server.read_some(bytes); }).code().value(), ECANCELED);
    });
    yield_until([&] { return operations() > before; });
    p.server.close();
    EXPECT_FALSE(p.server.is_open());
  });
}

TEST_F(tls_test, a_reset_is_an_error) {
  weft::test::run([&] {
    tls_pair p = shake_hands(client(), server());
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(p.server.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    p.server.close();
    std::array<std::byte, 8> bytes{};
    EXPECT_EQ(error_of([&] { p.client.read_some(bytes); }).code().value(), ECONNRESET);
  });
}

TEST_F(tls_test, an_empty_stream_says_so) {
  tls_stream none;
  std::array<std::byte, 1> byte{};
  EXPECT_FALSE(none.is_open());
  EXPECT_EQ(none.native_handle(), -1);
  EXPECT_EQ(error_of([&] { none.read_some(byte); }).code(), std::errc::bad_file_descriptor);
  EXPECT_NO_THROW(none.close());
}

TEST_F(tls_test, ordinary_threads_may_use_it) {
  connection c = connect_pair();
  const tls_context ours = server();
  const tls_context theirs = client();
  std::thread other([&] {
    tls_stream s = tls_stream::accept(ours, std::move(c.server));
    s.write_all(read_all(s));
    s.shutdown_write();
  });
  tls_stream s = tls_stream::connect(theirs, std::move(c.client), host);
  s.write_all("plain threads");
  s.shutdown_write();
  EXPECT_EQ(read_all(s), "plain threads");
  other.join();
}

TEST_F(tls_test, asio_calls_read_and_write) {
  weft::test::run([&] {
    tls_pair p = shake_hands(client(), server());
    boost::system::error_code e;
    const std::array<boost::asio::const_buffer, 2> two{boost::asio::buffer("ab", 2), boost::asio::buffer("cd", 2)};
    EXPECT_EQ(p.client.write_some(two, e), 4U);
    p.client.shutdown_write();
    std::array<char, 8> bytes{};
    std::size_t got = 0;
    while (!e) got += p.server.read_some(boost::asio::buffer(bytes.data() + got, bytes.size() - got), e);
    EXPECT_EQ(std::string_view(bytes.data(), got), "abcd");
    EXPECT_EQ(e, boost::asio::error::eof);
  });
}

}  // namespace
}  // namespace weft::io::test
