// What the tests of HTTP share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/io/http/client.hpp>
#include <weft/io/http/server.hpp>

#include "io/io_support.hpp"

namespace weft::io::http::test {

using io::test::error_of;
using io::test::io_test;
using io::test::operations;
using io::test::text_of;
using io::test::yield_until;

// Serves while f runs, then drains. f gets the address and the server.
template <class F>
void with_server(server::handler h, server_options o, F f, const stream_wrapper& wrap = {}) {
  server s(std::move(h), std::move(o));
  tcp_listener listener{"127.0.0.1:0"};
  group g;
  g.spawn([&] { s.serve(listener, wrap); });
  f(listener.local_address(), s);
  s.drain();
  g.join();
}

// Answers with the request's body.
response echo(request& r);
// Answers with what was asked: "GET /path".
response tell(request& r);

// All that comes until the end of the stream.
std::string read_all(tcp_stream& s);
// Sends it, ends the writing side, reads all: the answers without their Date lines.
std::string ask(const address& server, std::string_view text);
// Reads until the text has come; what came.
std::string read_until(tcp_stream& s, std::string_view text);
// Asks, and expects one answer with that status, and the end of the connection.
void expect_refused(const address& server, std::string_view request, int status);
std::string without_dates(std::string_view answers);
std::size_t count_of(std::string_view text, std::string_view part);

// A server that says what it is told to: the answers to its connections, one after another; each connection ends after its answer.
template <class F>
void with_answers(const std::vector<std::string>& answers, F f) {
  tcp_listener listener{"127.0.0.1:0"};
  group g;
  g.spawn_daemon([&] {
    for (const std::string& answer : answers) {
      tcp_stream s = listener.accept();
      try {
        read_until(s, "\r\n\r\n");
        s.write_all(answer);
        s.shutdown_write();
        read_all(s);
      } catch (const std::system_error&) {  // a client that has seen enough
      }
    }
  });
  f(listener.local_address());
  g.join();
}

// "http://127.0.0.1:PORT" and the path.
std::string url_of(const address& server, std::string_view path);

// Runs a program; its output. Adds a failure if it ends with another code than 0.
std::string output_of(std::vector<std::string> command);

}  // namespace weft::io::http::test
