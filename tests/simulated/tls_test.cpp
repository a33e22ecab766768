// TLS over many seeds: what arrives is what was sent, and an end that was not announced is no end.
#include "simulated_support.hpp"

#include <optional>

#include <weft/io/tls/tls.hpp>

#include "tls/credentials.hpp"

namespace weft::io::test {
namespace {

constexpr const char* host = "server.test";

class tls_test : public io_test {
 protected:
  void SetUp() override {
    // OpenSSL opens what it needs once.
    folder_.emplace();
    ca_.emplace(*folder_);
    const credentials own = ca_->issue("DNS:server.test");
    server_.emplace(tls_context::server(own.chain, own.key));
    client_.emplace(tls_context::client({.authorities = ca_->certificate()}));
    io_test::SetUp();
  }

  // The client sends `size` bytes, the server sends them back. How many the client has got when it saw the end.
  std::size_t echo(std::size_t size) {
    connection c = connect_pair();
    tls_stream s;
    group g;
    g.spawn([&] {
      try {
        tls_stream server = tls_stream::accept(*server_, std::move(c.server));
        std::array<std::byte, 600> part;
        while (const std::size_t n = server.read_some(part)) server.write_all(std::span(part).first(n));
        server.shutdown_write();
      } catch (const std::system_error&) {
        c.server.close();
      }
    });
    s = tls_stream::connect(*client_, std::move(c.client), host);
    g.spawn([&] {
      try {
        s.write_all(make_pattern(9, 0, size));
        s.shutdown_write();
      } catch (const std::system_error&) {  // the reader sees it as well
      }
    });
    std::vector<std::byte> bytes(size + 1);
    std::size_t got = 0;
    while (const std::size_t n = s.read_some(std::span(bytes).subspan(got))) got += n;
    EXPECT_EQ(matching(std::span(bytes).first(got), 9, 0), got);
    return got;
  }

 private:
  std::optional<temporary_folder> folder_;
  std::optional<authority> ca_;
  std::optional<tls_context> server_;
  std::optional<tls_context> client_;
};

TEST_F(tls_test, all_arrives) {
  explore({}, 150, [this] { EXPECT_EQ(echo(3'000), 3'000U); });
}

TEST_F(tls_test, an_end_that_is_seen_is_the_end) {
  int failed = 0;
  int whole = 0;
  explore({.resets = 40}, 250, [&] {
    try {
      EXPECT_EQ(echo(3'000), 3'000U);
      ++whole;
    } catch (const std::system_error&) {
      ++failed;
    }
  });
  EXPECT_GT(failed, 0);
  EXPECT_GT(whole, 0);
}

}  // namespace
}  // namespace weft::io::test
