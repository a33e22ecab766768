// Servers that run out of descriptors: those there are go on, nobody is turned away, and it is told once.
#include "faults_support.hpp"

#include <atomic>
#include <deque>
#include <string>

#include <weft/io/http/server.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using shortage_test = io_test;

constexpr int crowd = 60;
constexpr int room = 8;

// Connections that the server has not accepted yet.
std::deque<tcp_stream> connect_crowd(const address& where) {
  std::deque<tcp_stream> all;
  for (int i = 0; i < crowd; ++i) all.push_back(tcp_stream::connect(where));
  return all;
}

// Each gets an answer to `question`, and is closed then, one after the other; not before the server is out of descriptors.
void serve_in_turn(std::deque<tcp_stream>& all, const std::string& question, const std::string& answer,
                   const std::atomic<int>& told) {
  for (tcp_stream& s : all) s.write_all(question);
  yield_until([&told] { return told > 0; });
  while (!all.empty()) {
    std::string got;
    std::array<std::byte, 500> part;
    while (got.find(answer) == std::string::npos) {
      const std::size_t n = all.front().read_some(part);
      ASSERT_GT(n, 0U);
      got += text_of(std::span(part).first(n));
    }
    all.pop_front();
  }
}

TEST_F(shortage_test, a_server_with_few_descriptors_serves_a_crowd) {
  weft::test::run([] {
    std::atomic<int> told{0};
    tcp_listener listener{"127.0.0.1:0",
                          {.shortage = {.pause = true, .report = [&told](const std::string&) { ++told; }}}};
    std::deque<tcp_stream> clients = connect_crowd(listener.local_address());
    const few_descriptors limit(room);
    group servers;
    servers.spawn([&] {
      for (;;) {
        servers.spawn([s = listener.accept()]() mutable {
          std::array<std::byte, 500> part;
          while (const std::size_t n = s.read_some(part)) s.write_all(std::span(part).first(n));
        });
      }
    });
    serve_in_turn(clients, "hello", "hello", told);
    EXPECT_LT(told, crowd);
    servers.cancel();
    servers.join();
  });
}

TEST_F(shortage_test, so_does_a_server_of_http) {
  weft::test::run([] {
    std::atomic<int> told{0};
    const auto on_error = [&told](const std::exception_ptr& e, const http::request* r) {
      EXPECT_EQ(r, nullptr);
      EXPECT_EQ(error_of([&e] { std::rethrow_exception(e); }).code().value(), EMFILE);
      ++told;
    };
    http::server server([](http::request&) { return http::text("hello"); }, {.on_error = on_error});
    tcp_listener listener{"127.0.0.1:0"};
    std::deque<tcp_stream> clients = connect_crowd(listener.local_address());
    {
      const few_descriptors limit(room);
      group g;
      g.spawn([&] { server.serve(listener); });
      serve_in_turn(clients, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "hello", told);
      EXPECT_EQ(server.statistics().requests, static_cast<std::uint64_t>(crowd));
      EXPECT_LT(told, crowd);
      server.drain();
    }
  });
}

// However long it lasts.
TEST_F(shortage_test, a_server_of_http_tells_of_a_shortage_once) {
  weft::test::run([] {
    std::atomic<int> told{0};
    http::server server([](http::request&) { return http::text("hello"); },
                        {.on_error = [&told](const std::exception_ptr&, const http::request*) { ++told; }});
    tcp_listener listener{"127.0.0.1:0"};
    tcp_stream client = tcp_stream::connect(listener.local_address());
    group g;
    {
      const few_descriptors limit(0);
      g.spawn([&] { server.serve(listener); });
      yield_until([&] { return told > 0; });
      sleep_for(150ms);  // some attempts more
    }
    client.write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    std::array<std::byte, 500> part;
    EXPECT_GT(client.read_some(part), 0U);
    EXPECT_EQ(told, 1);
    server.drain();
    g.join();
  });
}

}  // namespace
}  // namespace weft::io::test
