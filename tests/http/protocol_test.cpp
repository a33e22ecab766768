// What goes over the wire, byte by byte.
#include "http_support.hpp"

namespace weft::io::http::test {
namespace {

using protocol_test = io_test;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr const char* one = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(protocol_test, a_plain_answer) {
  weft::test::run([] {
    with_server(&tell, {}, [](const address& at, server&) {
      EXPECT_EQ(ask(at, one),
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\nGET /a");
      EXPECT_EQ(ask(at, ""), "") << "who says nothing gets nothing";
      EXPECT_EQ(ask(at, "GET /a HT"), "");
    });
  });
}

TEST_F(protocol_test, requests_sent_ahead_are_answered_in_turn) {
  weft::test::run([] {
    with_server(&echo, {}, [](const address& at, server& s) {
      std::string all;
      std::string expected;
      for (int i = 0; i < 50; ++i) {
        const std::string body(static_cast<std::size_t>(i * 40), static_cast<char>('a' + i % 26));
        all += "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        expected += body;
      }
      std::string got = ask(at, all);
      std::string bodies;
      for (std::size_t end = 0; (end = got.find("\r\n\r\n")) != std::string::npos;) {
        const std::size_t size = std::stoul(got.substr(got.find("Content-Length: ") + 16));
        bodies += got.substr(end + 4, size);
        got.erase(0, end + 4 + size);
      }
      EXPECT_EQ(bodies, expected);
      EXPECT_EQ(s.statistics().requests, 50U);
      EXPECT_EQ(s.statistics().accepted, 1U);
    });
  });
}

TEST_F(protocol_test, versions_and_connection_say_whether_it_is_kept) {
  weft::test::run([] {
    with_server(&tell, {}, [](const address& at, server&) {
      const auto answers = [&](const std::string& first) { return count_of(ask(at, first + one), "HTTP/1.1 200"); };
      EXPECT_EQ(answers("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 2U);
      EXPECT_EQ(answers("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 1U);
      EXPECT_EQ(answers("GET / HTTP/1.0\r\n\r\n"), 1U);
      EXPECT_EQ(answers("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 2U);
      EXPECT_NE(ask(at, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").find("Connection: keep-alive"),
                std::string::npos);
      EXPECT_NE(ask(at, "GET / HTTP/1.0\r\n\r\n").find("Connection: close"), std::string::npos);
    });
    const auto closing = [](request& r) {
      response a = tell(r);
      a.headers.add("Connection", "close");
      a.headers.add("Content-Length", "999");
      return a;
    };
    with_server(closing, {}, [](const address& at, server&) {
      const std::string got = ask(at, std::string(one) + one);
      EXPECT_EQ(count_of(got, "HTTP/1.1 200"), 1U);
      EXPECT_EQ(count_of(got, "Content-Length: 6\r\n"), 1U) << "the length is the server's to say";
      EXPECT_EQ(count_of(got, "999"), 0U);
    });
  });
}

TEST_F(protocol_test, bodies_with_a_length_and_in_chunks) {
  weft::test::run([] {
    with_server(&echo, {}, [](const address& at, server&) {
      EXPECT_TRUE(ask(at, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").ends_with("\r\n\r\nhello"));
      EXPECT_TRUE(ask(at,
                      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "2\r\nhe\r\n1;name=value\r\nl\r\n00002\r\nlo\r\n0\r\nTrailer: t\r\n\r\n")
                      .ends_with("\r\n\r\nhello"));
      EXPECT_TRUE(ask(at, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n")
                      .ends_with("Content-Length: 0\r\n\r\n"));
      EXPECT_EQ(ask(at, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel"), "")
          << "the client left in the middle";
    });
  });
}

TEST_F(protocol_test, answers_that_are_made_while_they_are_sent) {
  weft::test::run([] {
    const auto streaming = [](request& r) {
      response a;
      a.stream = body_stream{.write =
                                 [](body_writer& out) {
                                   out.write("one,");
                                   out.flush();
                                   weft::yield();
                                   out.write("two");
                                 },
                             .size = r.path() == "/sized" ? std::optional<std::uint64_t>(7) : std::nullopt};
      return a;
    };
    with_server(streaming, {}, [](const address& at, server&) {
      EXPECT_EQ(ask(at, one),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n");
      EXPECT_EQ(ask(at, "GET /sized HTTP/1.1\r\nHost: x\r\n\r\n"),
                "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\none,two");
      EXPECT_EQ(ask(at, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none,two")
          << "HTTP/1.0 knows no chunks";
      EXPECT_EQ(ask(at, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      EXPECT_EQ(ask(at, "HEAD /sized HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    });
  });
}

TEST_F(protocol_test, a_head_request_gets_the_header_alone) {
  weft::test::run([] {
    with_server(&tell, {}, [](const address& at, server&) {
      const std::string got = ask(at, "HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(one));
      EXPECT_EQ(count_of(got, "Content-Length: 9\r\n\r\nHTTP/1.1 200"), 1U) << got;
      EXPECT_TRUE(got.ends_with("GET /a"));
    });
    with_server([](request&) { return response{.status = 204, .body = "not to be sent"}; }, {},
                [](const address& at, server&) {
                  EXPECT_EQ(ask(at, std::string(one) + one),
                            "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
                });
  });
}

TEST_F(protocol_test, a_client_may_wait_for_the_word_to_continue) {
  weft::test::run([] {
    const std::string head = "POST /up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    with_server(&echo, {}, [&](const address& at, server&) {
      tcp_stream s = tcp_stream::connect(at);
      s.write_all(head);
      EXPECT_EQ(read_until(s, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
      s.write_all("hello");
      EXPECT_TRUE(read_until(s, "hello").ends_with("hello"));
      s.write_all(head + "again");
      EXPECT_TRUE(read_until(s, "again").ends_with("again")) << "who does not wait is answered all the same";
    });
    with_server([](request&) { return text("no", 403); }, {},
                [&](const address& at, server&) {
                  tcp_stream s = tcp_stream::connect(at);
                  s.write_all(head);
                  const std::string got = read_all(s);
                  EXPECT_EQ(count_of(got, "100 Continue"), 0U);
                  EXPECT_EQ(count_of(got, "Connection: close\r\n"), 1U) << "nobody knows whether the body will come";
                });
  });
}

TEST_F(protocol_test, a_body_that_nobody_reads) {
  weft::test::run([] {
    with_server(&tell, {}, [](const address& at, server&) {
      const auto answers = [&](const std::string& body_header, const std::string& body) {
        return count_of(ask(at, "POST / HTTP/1.1\r\nHost: x\r\n" + body_header + "\r\n\r\n" + body + one),
                        "HTTP/1.1 200");
      };
      EXPECT_EQ(answers("Content-Length: 100", std::string(100, 'x')), 2U);
      EXPECT_EQ(answers("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"), 2U);
      EXPECT_EQ(answers("Content-Length: 1000000", std::string(1'000'000, 'x')), 1U) << "too much to be dropped";
      EXPECT_EQ(answers("Transfer-Encoding: chunked", "zzz\r\n"), 1U) << "where the next request begins is not known";
    });
  });
}

struct refused {
  const char* request;
  int status;
};

// What two servers might understand differently, so that a request could hide in the body of another.
TEST_F(protocol_test, ambiguous_requests_are_refused) {
  static constexpr refused all[] = {
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: x\n\n", 505},
      {"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n", 400},
  };
  weft::test::run([] {
    with_server(&echo, {}, [](const address& at, server&) {
      for (const refused& r : all) expect_refused(at, r.request, r.status);
      expect_refused(at, "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"sv, 400);
    });
  });
}

TEST_F(protocol_test, what_is_no_http_is_refused) {
  static constexpr refused all[] = {
      {"\r\n\r\n", 400},
      {"hello\r\n\r\n", 400},
      {"GET\r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 505},
      {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"GET / HTTP/0.9\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03", 400},
  };
  weft::test::run([] {
    with_server(&echo, {}, [](const address& at, server&) {
      for (const refused& r : all) expect_refused(at, r.request, r.status);
    });
  });
}

TEST_F(protocol_test, bad_chunks_are_refused_when_the_body_is_read) {
  static constexpr const char* all[] = {
      "zz\r\nabc\r\n0\r\n\r\n", "-1\r\na\r\n0\r\n\r\n",      "0x3\r\nabc\r\n0\r\n\r\n",
      "3\r\nabcX\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n",       "FFFFFFFFFFFFFFFFF\r\nabc\r\n",
      "3\r\nabc0\r\n\r\n",      "\r\n3\r\nabc\r\n0\r\n\r\n", "3 \x01\r\nabc\r\n0\r\n\r\n",
  };
  weft::test::run([] {
    with_server(&echo, {}, [](const address& at, server&) {
      for (const char* body : all) {
        expect_refused(at, std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") + body, 400);
      }
    });
  });
}

TEST_F(protocol_test, too_much_is_refused) {
  weft::test::run([] {
    with_server(&echo, {.header_limit = 1'000, .body_limit = 100}, [](const address& at, server&) {
      expect_refused(at, "GET /" + std::string(2'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 431);
      expect_refused(at, "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(2'000, 'a') + "\r\n\r\n", 431);
      expect_refused(at, "GET /" + std::string(100'000, 'a'), 431);
      std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
      for (int i = 0; i < 400; ++i) many += "A: b\r\n";
      expect_refused(at, many + "\r\n", 431);
      expect_refused(at, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'a'), 413);
      expect_refused(at,
                     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + std::string(64, 'a') +
                         "\r\n40\r\n" + std::string(64, 'a') + "\r\n0\r\n\r\n",
                     413);
      expect_refused(
          at, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;" + std::string(100'000, 'a'), 431);
      EXPECT_TRUE(ask(at, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'a'))
                      .starts_with("HTTP/1.1 200"));
    });
  });
}

// However the bytes of it are cut, a request is the same.
TEST_F(protocol_test, requests_come_in_pieces_of_any_size) {
  weft::test::run([] {
    with_server(&echo, {}, [](const address& at, server&) {
      const std::string request =
          "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
      for (std::size_t cut = 1; cut < request.size(); cut += 3) {
        tcp_stream s = tcp_stream::connect(at);
        s.set_no_delay(true);
        s.write_all(request.substr(0, cut));
        for (int i = 0; i < 20; ++i) weft::yield();
        s.write_all(request.substr(cut));
        s.shutdown_write();
        EXPECT_TRUE(read_all(s).ends_with("\r\n\r\nhello world")) << "cut at " << cut;
      }
    });
  });
}

}  // namespace
}  // namespace weft::io::http::test
