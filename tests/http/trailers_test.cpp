// Fields after a body that goes in chunks.
#include "http_support.hpp"

namespace weft::io::http::test {
namespace {

using trailers_test = io_test;

const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n";

// Answers with the trailers of the request, a line each, and how many there were before the body had ended.
response tell_trailers(request& r) {
  std::string all = std::to_string(r.trailers().size()) + "\n";
  (void)r.text();
  for (std::size_t i = 0; i < r.trailers().size(); ++i) {
    all.append(r.trailers()[i].name).append("=").append(r.trailers()[i].value).append("\n");
  }
  return text(all);
}

TEST_F(trailers_test, a_server_reads_them_when_the_body_has_ended) {
  weft::test::run([] {
    with_server(&tell_trailers, {}, [](const address& at, server&) {
      const auto answer = [&](const std::string& trailers) {
        const std::string all = ask(at, chunked + trailers + "\r\n" + "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_EQ(count_of(all, "HTTP/1.1 200"), 2U) << "the next request begins where it does";
        EXPECT_TRUE(all.ends_with("\r\n\r\n0\n")) << "and has none of them";
        const std::size_t begin = all.find("\r\n\r\n") + 4;
        return all.substr(begin, all.find("HTTP/1.1", begin) - begin);
      };
      EXPECT_EQ(answer(""), "0\n");
      EXPECT_EQ(answer("X-Sum: 12 34 \r\nx-sum:5\r\nEmpty:\r\n"), "0\nX-Sum=12 34\nx-sum=5\nEmpty=\n");
    });
  });
}

TEST_F(trailers_test, those_that_belong_in_the_header_are_refused) {
  weft::test::run([] {
    with_server(&tell_trailers, {}, [](const address& at, server&) {
      for (const char* trailer :
           {"Content-Length: 3", "content-length: 9", "Transfer-Encoding: chunked", "Host: y", "Connection: close",
            "Authorization: x", "Set-Cookie: a=b", "Content-Type: text/html", "Expect: 100-continue", "TE: gzip",
            "no field", ": nothing", "A B: c", "A : b", "A: b\x01", "A: b\nC: d"}) {
        expect_refused(at, chunked + trailer + "\r\n\r\n", 400);
      }
    });
  });
}

TEST_F(trailers_test, they_may_be_as_long_as_a_header) {
  weft::test::run([] {
    with_server(&tell_trailers, {.header_limit = 1'000}, [](const address& at, server&) {
      EXPECT_TRUE(ask(at, chunked + "A: " + std::string(900, 'a') + "\r\n\r\n").starts_with("HTTP/1.1 200"));
      expect_refused(at, chunked + "A: " + std::string(1'000, 'a') + "\r\n\r\n", 431);
      expect_refused(at, chunked + "A: " + std::string(100'000, 'a'), 431);
      std::string many;
      for (int i = 0; i < 600; ++i) many += "A: b\r\n";
      expect_refused(at, chunked + many + "\r\n", 431);
    });
  });
}

response with_trailers(request& r) {
  response a;
  a.stream = body_stream{.write = [](body_writer& out) {
    out.add_trailer("X-Sum", "before");
    out.write("abc");
    out.add_trailer("x-sum", "after");
  }};
  if (r.path() == "/sized") a.stream->size = 3;
  return a;
}

TEST_F(trailers_test, a_server_writes_them) {
  weft::test::run([] {
    std::atomic<int> errors{0};
    const auto count = [&](const std::exception_ptr&, const request*) { ++errors; };
    with_server(&with_trailers, {.on_error = count}, [&](const address& at, server&) {
      EXPECT_EQ(ask(at, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: before\r\nx-sum: "
                "after\r\n\r\n");
      EXPECT_TRUE(ask(at, "GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nabc")) << "HTTP/1.0 has no room for them";
      EXPECT_EQ(ask(at, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      EXPECT_EQ(errors, 0);
      ask(at, "GET /sized HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_EQ(errors, 1) << "with a size there is no room for them either";
    });
  });
}

TEST_F(trailers_test, what_must_not_be_written_is_refused) {
  weft::test::run([] {
    const auto handler = [](request&) {
      response a;
      a.stream = body_stream{.write = [](body_writer& out) {
        for (const char* name : {"Content-Length", "trailer encoding", "host", "Set-Cookie", ""})
          EXPECT_THROW(out.add_trailer(name, "1"), std::invalid_argument) << name;
        EXPECT_THROW(out.add_trailer("A", "b\r\nC: d"), std::invalid_argument);
        out.write("abc");
      }};
      return a;
    };
    with_server(handler, {}, [](const address& at, server&) {
      EXPECT_TRUE(ask(at, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("3\r\nabc\r\n0\r\n\r\n"));
    });
  });
}

TEST_F(trailers_test, a_client_reads_and_writes_them) {
  weft::test::run([] {
    const auto handler = [](request& r) {
      const std::string body = r.text();
      const std::string sum(r.trailers().find("X-Sum").value_or("none"));
      response a;
      a.stream = body_stream{.write = [body, sum](body_writer& out) {
        out.write(body);
        out.add_trailer("X-Seen", sum);
      }};
      return a;
    };
    with_server(handler, {}, [](const address& at, server&) {
      client c;
      for (int i = 0; i < 3; ++i) {
        client_request q{.method = "POST", .url = url_of(at, "/")};
        q.stream = body_stream{.write = [i](body_writer& out) {
          out.write("hello");
          out.add_trailer("X-Sum", std::to_string(i));
        }};
        client_response r = c.send(q);
        EXPECT_EQ(r.text(), "hello");
        EXPECT_EQ(r.trailers().find("x-seen"), std::to_string(i));
        EXPECT_FALSE(r.headers().contains("X-Seen"));
      }
      EXPECT_EQ(c.statistics().connections, 1U);
    });
  });
}

TEST_F(trailers_test, a_client_refuses_bad_ones) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n";
  weft::test::run([&] {
    with_answers(
        {head + "Content-Length: 3\r\n\r\n", head + "A: " + std::string(70'000, 'a') + "\r\n\r\n", head + "A: b\r\n"},
        [](const address& at) {
          client c;
          const auto error = [&] {
            client_response r = c.get(url_of(at, "/"));
            return error_of([&] { (void)r.text(); }).code();
          };
          EXPECT_EQ(error(), std::errc::protocol_error);
          EXPECT_EQ(error(), std::errc::protocol_error);
          EXPECT_EQ(error(), std::errc::connection_aborted) << "cut short";
        });
  });
}

}  // namespace
}  // namespace weft::io::http::test
