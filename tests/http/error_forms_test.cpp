// Errors that are reported instead of thrown.
#include "http_support.hpp"

namespace weft::io::http::test {
namespace {

using error_forms_test = io_test;
using namespace std::chrono_literals;

TEST_F(error_forms_test, a_client_reports_what_fails) {
  weft::test::run([] {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    with_answers(
        {head + "Content-Length: 3\r\n\r\nabc", head + "Content-Length: 9\r\n\r\nabc",
         head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", head + "Content-Length: 3\r\n\r\nabc", "what?\r\n\r\n"},
        [](const address& at) {
          client c;
          std::error_code error = std::make_error_code(std::errc::io_error);
          std::optional<client_response> r = c.get(url_of(at, "/"), error);
          EXPECT_FALSE(error);
          ASSERT_TRUE(r);
          EXPECT_EQ(r->text(100, error), "abc");
          EXPECT_FALSE(error);
          r.reset();  // the server waits for the end of its connection
          r = c.get(url_of(at, "/"), error);
          ASSERT_TRUE(r);
          EXPECT_EQ(r->text(100, error), "");
          EXPECT_EQ(error, std::errc::connection_aborted);
          r.reset();
          r = c.post(url_of(at, "/"), "body", "text/plain", error);
          ASSERT_TRUE(r);
          std::array<std::byte, 10> part;
          EXPECT_EQ(r->read_some(part, error), 0U);
          EXPECT_EQ(error, std::errc::protocol_error);
          r.reset();
          r = c.get(url_of(at, "/"), error);
          ASSERT_TRUE(r);
          EXPECT_EQ(r->text(2, error), "");
          EXPECT_EQ(error, std::errc::message_size);
          r.reset();
          EXPECT_FALSE(c.get(url_of(at, "/"), error));
          EXPECT_EQ(error, std::errc::protocol_error);
        });
    const std::string nobody = [] {
      tcp_listener listener{"127.0.0.1:0"};
      return url_of(listener.local_address(), "/");
    }();
    client c;
    std::error_code error;
    EXPECT_FALSE(c.get(nobody, error));
    EXPECT_EQ(error, std::errc::connection_refused);
    EXPECT_FALSE(c.send({.method = "PUT", .url = nobody}, error));
    EXPECT_EQ(error, std::errc::connection_refused);
    EXPECT_THROW((void)c.get("no URL", error), std::invalid_argument);
  });
}

TEST_F(error_forms_test, cancellation_and_deadlines_are_thrown_all_the_same) {
  weft::test::run([] {
    with_server(
        [](request&) -> response {
          sleep_for(1h);
          return {};
        },
        {.drain_timeout = 1ms},
        [](const address& at, server&) {
          client c;
          std::error_code error;
          EXPECT_THROW(with_deadline(20ms, [&] { (void)c.get(url_of(at, "/"), error); }), timeout_error);
          EXPECT_FALSE(error);
        });
  });
}

// What a handler is told of a body, which it answers with, and that it answers as it likes.
TEST_F(error_forms_test, a_request_reports_what_fails) {
  const auto name_of = [](std::error_code code) { return code ? code.message() : "fine"; };
  const auto handler = [&](request& r) {
    std::array<std::byte, 100> part;
    std::error_code seen;
    if (r.path() == "/some") {
      while (r.read_some(part, seen) != 0) {
      }
    } else {
      (void)r.text(4, seen);
    }
    return text(name_of(seen));
  };
  weft::test::run([&] {
    with_server(handler, {.header_limit = 1'000, .body_limit = 10}, [&](const address& at, server&) {
      const auto expect = [&](const std::string& path, const std::string& rest, std::error_code code) {
        const std::string all = ask(at, "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + rest);
        EXPECT_TRUE(all.ends_with("\r\n\r\n" + name_of(code))) << all << " for " << rest;
        EXPECT_EQ(count_of(all, "HTTP/1.1 200"), 1U) << all;
      };
      const std::string chunks = "Transfer-Encoding: chunked\r\n\r\n";
      expect("/some", "Content-Length: 3\r\n\r\nabc", {});
      expect("/text", "Content-Length: 3\r\n\r\nabc", {});
      expect("/some", chunks + "zz\r\n", std::make_error_code(std::errc::protocol_error));
      expect("/some", chunks + "14\r\n" + std::string(20, 'a') + "\r\n0\r\n\r\n",
             std::make_error_code(std::errc::message_size));
      expect("/text", "Content-Length: 5\r\n\r\nabcde", std::make_error_code(std::errc::message_size));
      expect("/some", chunks + "1\r\na\r\n0\r\nA: " + std::string(2'000, 'a') + "\r\n\r\n",
             std::make_error_code(std::errc::message_size));
    });
    with_server(handler, {.body_timeout = 20ms}, [&](const address& at, server&) {
      tcp_stream slow = tcp_stream::connect(at);
      slow.write_all("POST /some HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
      EXPECT_TRUE(read_all(slow).ends_with("\r\n\r\n" + name_of(std::make_error_code(std::errc::timed_out))));
    });
  });
}

}  // namespace
}  // namespace weft::io::http::test
