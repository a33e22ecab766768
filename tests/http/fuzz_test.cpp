// Requests with random faults, in random pieces: the server answers or closes, and never crashes or hangs.
#include "http_support.hpp"

namespace weft::io::http::test {
namespace {

using fuzz_test = io_test;
using namespace std::chrono_literals;

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> all{
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "HEAD /a/b?c=d HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;e=1\r\n!\r\n0\r\nA: b\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
  };
  return all;
}

void mutate(std::string& s, weft::test::random_source& random) {
  static const std::vector<std::string> tokens{"\r\n",
                                               "\n",
                                               "\r",
                                               ":",
                                               " ",
                                               "\t",
                                               std::string(1, '\0'),
                                               "0",
                                               "ffffffff",
                                               ",",
                                               ";",
                                               "chunked",
                                               "Content-Length: 5\r\n",
                                               "Transfer-Encoding: chunked\r\n",
                                               "HTTP/1.1",
                                               "\x80\xff",
                                               "0\r\nX-Sum: 1\r\n",
                                               "\r\n\r\n"};
  const std::size_t at = random.below(static_cast<std::uint32_t>(s.size() + 1));
  switch (random.below(5)) {
    case 0:
      if (at < s.size()) s[at] = static_cast<char>(random.below(256));
      break;
    case 1:
      s.erase(at, random.below(8));
      break;
    case 2:
      s.insert(at, tokens[random.below(static_cast<std::uint32_t>(tokens.size()))]);
      break;
    case 3:
      s.insert(at, s.substr(random.below(static_cast<std::uint32_t>(s.size() + 1)), random.below(40)));
      break;
    default:
      s.insert(at, std::string(random.below(3'000), static_cast<char>('0' + random.below(10))));
  }
}

void send_in_pieces(tcp_stream& s, std::string_view text, weft::test::random_source& random) {
  try {
    while (!text.empty()) {
      const std::size_t n = std::min<std::size_t>(text.size(), 1 + random.below(random.one_in(2) ? 10 : 2'000));
      s.write_all(text.substr(0, n));
      text.remove_prefix(n);
      if (random.one_in(3)) weft::yield();
    }
    s.shutdown_write();
  } catch (const std::system_error&) {  // closed by the server, who has seen enough
  }
}

std::string answers(tcp_stream& s) {
  try {
    return read_all(s);
  } catch (const std::system_error&) {
    return {};
  }
}

TEST_F(fuzz_test, whatever_comes_is_answered_or_closed) {
  weft::test::random_source random;
  weft::test::run([&] {
    std::atomic<int> errors{0};
    const auto count = [&](const std::exception_ptr&, const request*) { ++errors; };
    with_server(&echo, {.header_limit = 2'000, .body_limit = 10'000, .on_error = count},
                [&](const address& at, server& server) {
                  group g;
                  for (int fiber = 0; fiber < 4; ++fiber) {
                    g.spawn([&at, random = random.split()]() mutable {
                      for (int round = 0; round < weft::test::rounds(500); ++round) {
                        std::string text;
                        for (std::uint32_t i = 1 + random.below(3); i > 0; --i)
                          text += seeds()[random.below(static_cast<std::uint32_t>(seeds().size()))];
                        for (std::uint32_t i = random.below(4); i > 0; --i) mutate(text, random);
                        tcp_stream s = tcp_stream::connect(at);
                        // Written by a fiber of its own: a server that answers while requests come must not find both sides writing.
                        group both;
                        both.spawn([&] { send_in_pieces(s, text, random); });
                        const std::string got = with_deadline(60s, [&] { return answers(s); });
                        EXPECT_TRUE(got.empty() || got.starts_with("HTTP/1.1 ")) << got << "\nfor\n" << text;
                      }
                    });
                  }
                  g.join();
                  yield_until([&] { return server.statistics().connections == 0; });
                });
    EXPECT_EQ(errors, 0) << "a client's faults are not the server's";
  });
}

}  // namespace
}  // namespace weft::io::http::test
