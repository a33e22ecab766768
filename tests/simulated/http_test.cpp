// An HTTP server and its clients over many seeds.
#include "simulated_support.hpp"

#include <map>

#include <weft/io/http/client.hpp>
#include <weft/io/http/server.hpp>

namespace weft::io::http::test {
namespace {

using namespace std::chrono_literals;
using io::test::everything;
using io::test::explore;
using io::test::fault_counts;
using http_test = io::test::io_test;

constexpr std::size_t body_size = 700;

std::string body_of(char c) { return std::string(body_size, c); }

response answer(request& r) {
  if (r.method() == "POST") return text(r.text());
  response streamed;
  streamed.stream = {.write = [](body_writer& out) {
    for (int i = 0; i < 7; ++i) out.write(std::string(body_size / 7, 's'));
  }};
  return r.path() == "/stream" ? std::move(streamed) : text(body_of('g'));
}

// A client that is late may be told so.
bool is_answered(client_response r, const std::string& body) {
  if (r.status() == 408) return false;
  EXPECT_EQ(r.status(), 200);
  EXPECT_EQ(r.text(), body);
  return true;
}

// What a client asks, and has to get if it gets anything.
bool ask(client& c, const std::string& place) {
  return is_answered(c.get(place + "/"), body_of('g')) && is_answered(c.get(place + "/stream"), body_of('s')) &&
         is_answered(c.post(place + "/", body_of('p')), body_of('p'));
}

// Serves the clients of a schedule; how many of them got all.
int serve(int clients, const server_options& o, const client_options& wanted, std::map<int, int>& errors) {
  int served = 0;
  std::optional<tcp_listener> listener;
  while (!listener) {
    try {
      listener.emplace("127.0.0.1:0");
    } catch (const std::system_error&) {
      weft::yield();
    }
  }
  server s(answer, o);
  group g;
  g.spawn([&] { s.serve(*listener); });
  {
    group asking;
    for (int i = 0; i < clients; ++i) {
      asking.spawn([&] {
        try {
          client c(wanted);
          served += ask(c, "http://" + listener->local_address().to_string()) ? 1 : 0;
        } catch (const std::system_error& e) {
          ++errors[e.code().value()];
        }
      });
    }
    asking.join();
  }
  s.drain();
  g.join();
  EXPECT_EQ(s.statistics().connections, 0U);
  return served;
}

TEST_F(http_test, answers_are_whole) {
  std::map<int, int> errors;
  explore({}, 400, [&errors] { EXPECT_EQ(serve(2, {}, {}, errors), 2); });
  EXPECT_TRUE(errors.empty());
}

// A client gets what it asked for or an error; the server goes on, and ends when it is told to.
TEST_F(http_test, a_server_outlasts_what_befalls_its_connections) {
  std::map<int, int> errors;
  int served = 0;
  int told = 0;
  const server_options o{.on_error = [&told](const std::exception_ptr&, const request*) { ++told; }};
  const fault_counts n = explore(everything, 600, [&] { served += serve(2, o, {}, errors); });
  EXPECT_GT(served, 0);
  EXPECT_GT(errors[ECONNRESET], 0);
  EXPECT_GT(n.resets, 0U);
  EXPECT_GT(n.shortages, 0U);
  EXPECT_GT(n.refusals, 0U);
  EXPECT_GT(told, 0) << "of shortages";
}

// Delays beyond all limits: requests time out here or there, and everything ends all the same.
TEST_F(http_test, limits_hold_where_everything_is_late) {
  std::map<int, int> errors;
  int served = 0;
  const server_options o{
      .header_timeout = 1s, .idle_timeout = 2s, .body_timeout = 1s, .write_timeout = 1s, .drain_timeout = 1s};
  const client_options c{.connect_timeout = 1s, .response_timeout = 2s, .write_timeout = 1s};
  explore({.delays = 6, .longest_delay = 3s, .patience = 0ns}, 300, [&] { served += serve(2, o, c, errors); });
  EXPECT_GT(served, 0);
  EXPECT_GT(errors[ETIMEDOUT], 0);
}

// The server's scope is cancelled at an instant of the seed's.
TEST_F(http_test, a_server_that_is_cancelled_leaves_nothing) {
  explore({.resets = 100}, 300, [] {
    tcp_listener listener{"127.0.0.1:0"};
    const std::string place = "http://" + listener.local_address().to_string();
    server s(answer);
    group asking;
    asking.spawn([&] {
      try {
        client c;
        ask(c, place);
      } catch (const std::system_error&) {
      }
    });
    {
      group g;
      g.spawn([&] { s.serve(listener); });
      for (std::uint32_t i = choose_below(200); i > 0; --i) weft::yield();
      g.cancel();
      g.join();
    }
    EXPECT_EQ(s.statistics().connections, 0U);
    listener.close();
    asking.join();
  });
}

}  // namespace
}  // namespace weft::io::http::test
