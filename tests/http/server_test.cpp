// How the server behaves: handlers that fail, clients that do not, and its own end.
#include <sys/socket.h>

#include <atomic>
#include <mutex>

#include <weft/sync/event.hpp>

#include "http_support.hpp"

namespace weft::io::http::test {
namespace {

using server_test = io_test;
using namespace std::chrono_literals;

constexpr const char* one = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

class told {
 public:
  std::atomic<int> errors{0};
  [[nodiscard]] std::string last() {
    const std::lock_guard guard(mutex_);
    return last_;
  }
  [[nodiscard]] std::function<void(std::exception_ptr, const request*)> hook() {
    return [this](const std::exception_ptr& e, const request*) {
      try {
        std::rethrow_exception(e);
      } catch (const std::exception& x) {
        set(x.what());
      } catch (...) {
        set("?");
      }
      ++errors;
    };
  }

 private:
  void set(const char* what) {
    const std::lock_guard guard(mutex_);
    last_ = what;
  }
  std::mutex mutex_;
  std::string last_;
};

TEST_F(server_test, a_handler_that_throws_is_a_500_and_told) {
  weft::test::run([] {
    told t;
    const auto handler = [](request& r) -> response {
      if (r.path() == "/missing") throw error(404, "no such thing");
      if (r.path() == "/busy") throw error(503, "come back later");
      if (r.path() == "/status") return {.status = 99};
      if (r.path() == "/smuggle") {
        response a;
        a.headers.add("X", "a\r\nSet-Cookie: evil");
        return a;
      }
      if (r.path() == "/int") throw 5;
      throw std::runtime_error("broken inside");
    };
    with_server(handler, {.on_error = t.hook()}, [&](const address& at, server&) {
      const auto get = [&](const std::string& path) { return ask(at, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); };
      EXPECT_TRUE(get("/missing").starts_with("HTTP/1.1 404 Not Found\r\n"));
      EXPECT_TRUE(get("/missing").ends_with("no such thing\n"));
      EXPECT_EQ(t.errors, 0);
      EXPECT_TRUE(get("/busy").starts_with("HTTP/1.1 503 "));
      EXPECT_EQ(t.errors, 1);
      const std::string got = get("/x");
      EXPECT_TRUE(got.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
      EXPECT_EQ(count_of(got, "broken inside"), 0U) << "what went wrong inside is nobody's business outside";
      EXPECT_EQ(t.last(), "broken inside");
      EXPECT_TRUE(get("/status").starts_with("HTTP/1.1 500 "));
      EXPECT_TRUE(get("/smuggle").starts_with("HTTP/1.1 500 "));
      EXPECT_EQ(count_of(get("/smuggle"), "evil"), 0U);
      EXPECT_TRUE(get("/int").starts_with("HTTP/1.1 500 "));
      EXPECT_EQ(count_of(ask(at, std::string(one) + one), "HTTP/1.1 500"), 2U) << "the connection goes on";
    });
  });
}

TEST_F(server_test, an_answer_that_fails_in_the_middle_is_cut) {
  weft::test::run([] {
    told t;
    const auto handler = [](request& r) {
      response a;
      a.stream = body_stream{.write =
                                 [](body_writer& out) {
                                   out.write("begun");
                                   out.flush();
                                   throw std::runtime_error("half-way");
                                 },
                             .size = {}};
      if (r.path() == "/short") a.stream = body_stream{.write = [](body_writer& out) { out.write("abc"); }, .size = 5};
      if (r.path() == "/long")
        a.stream = body_stream{.write = [](body_writer& out) { out.write("abcdef"); }, .size = 5};
      return a;
    };
    with_server(handler, {.on_error = t.hook()}, [&](const address& at, server&) {
      const std::string got = ask(at, std::string(one) + one);
      EXPECT_TRUE(got.ends_with("5\r\nbegun\r\n")) << "no last chunk: " << got;
      EXPECT_EQ(t.last(), "half-way");
      ask(at, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_NE(t.last().find("shorter"), std::string::npos);
      ask(at, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_NE(t.last().find("longer"), std::string::npos);
      EXPECT_EQ(t.errors, 3);
    });
  });
}

TEST_F(server_test, a_slow_header_is_a_408) {
  weft::test::run([] {
    with_server(&tell, {.header_timeout = 20ms}, [](const address& at, server&) {
      tcp_stream s = tcp_stream::connect(at);
      s.write_all("GET / HTTP/1.1\r\nHo");
      EXPECT_TRUE(read_all(s).starts_with("HTTP/1.1 408 "));
      // A byte now and then does not help: the limit is for the whole header.
      tcp_stream drop = tcp_stream::connect(at);
      group g;
      g.spawn_daemon([&] {
        for (;;) {
          drop.write_some(std::as_bytes(std::span("a", 1)));
          sleep_for(1ms);
        }
      });
      EXPECT_TRUE(read_until(drop, "\r\n\r\n").starts_with("HTTP/1.1 408 "));
    });
  });
}

TEST_F(server_test, an_idle_connection_is_closed) {
  weft::test::run([] {
    with_server(&tell, {.idle_timeout = 20ms}, [](const address& at, server&) {
      tcp_stream silent = tcp_stream::connect(at);
      EXPECT_EQ(read_all(silent), "");
      tcp_stream once = tcp_stream::connect(at);
      once.write_all(one);
      EXPECT_TRUE(read_all(once).ends_with("GET /a"));
    });
  });
}

TEST_F(server_test, a_slow_body_is_a_408) {
  weft::test::run([] {
    told t;
    with_server(&echo, {.body_timeout = 20ms, .on_error = t.hook()}, [](const address& at, server&) {
      tcp_stream s = tcp_stream::connect(at);
      s.write_all("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
      EXPECT_TRUE(read_all(s).starts_with("HTTP/1.1 408 "));
      tcp_stream drop = tcp_stream::connect(at);
      drop.write_all("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
      group g;
      g.spawn_daemon([&] {
        for (;;) {
          drop.write_some(std::as_bytes(std::span("a", 1)));
          sleep_for(1ms);
        }
      });
      EXPECT_TRUE(read_until(drop, "\r\n\r\n").starts_with("HTTP/1.1 408 "));
    });
    EXPECT_EQ(t.errors, 0);
  });
}

TEST_F(server_test, a_client_that_does_not_read_is_cut) {
  weft::test::run([] {
    told t;
    const auto endless = [](request&) {
      response a;
      a.stream = body_stream{.write = [](body_writer& out) {
        for (;;) out.write(std::string(10'000, 'x'));
      }};
      return a;
    };
    with_server(endless, {.write_timeout = 20ms, .on_error = t.hook()}, [](const address& at, server& s) {
      tcp_stream c = tcp_stream::connect(at);
      c.write_all(one);
      yield_until([&] { return s.statistics().accepted == 1 && s.statistics().connections == 0; });
    });
    EXPECT_EQ(t.errors, 0) << "the client's doing";
  });
}

TEST_F(server_test, a_reset_in_the_middle_of_a_body) {
  weft::test::run([] {
    told t;
    std::atomic<int> reading{0};
    std::atomic<int> failed{0};
    const auto handler = [&](request& r) {
      std::array<std::byte, 16> bytes;
      r.read_some(bytes);
      ++reading;
      try {
        return text(r.text());
      } catch (const std::system_error&) {
        ++failed;
        throw;
      }
    };
    with_server(handler, {.on_error = t.hook()}, [&](const address& at, server& s) {
      tcp_stream c = tcp_stream::connect(at);
      c.write_all("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
      yield_until([&] { return reading == 1; });
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      ASSERT_EQ(::setsockopt(c.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
      c.close();
      yield_until([&] { return s.statistics().accepted == 1 && s.statistics().connections == 0; });
    });
    EXPECT_EQ(failed, 1);
    EXPECT_EQ(t.errors, 0);
  });
}

TEST_F(server_test, draining_ends_idle_connections_and_lets_requests_finish) {
  weft::test::run([] {
    event go;
    std::atomic<int> in_handler{0};
    const auto handler = [&](request& r) {
      if (r.path() == "/slow") {
        ++in_handler;
        go.wait();
      }
      return tell(r);
    };
    server s(handler, {.drain_timeout = 1h});
    tcp_listener listener{"127.0.0.1:0"};
    group g;
    task<void> serving = g.spawn([&] { s.serve(listener); });
    tcp_stream idle = tcp_stream::connect(listener.local_address());
    tcp_stream kept = tcp_stream::connect(listener.local_address());
    tcp_stream busy = tcp_stream::connect(listener.local_address());
    kept.write_all(one);
    EXPECT_TRUE(read_until(kept, "GET /a").ends_with("GET /a"));
    busy.write_all("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(one));
    yield_until([&] { return in_handler == 1 && s.statistics().connections == 3; });
    s.drain();
    EXPECT_EQ(read_all(idle), "");
    EXPECT_EQ(read_all(kept), "");
    EXPECT_FALSE(serving.done());
    go.set();
    const std::string got = read_all(busy);
    EXPECT_EQ(count_of(got, "GET /slow"), 1U);
    EXPECT_EQ(count_of(got, "Connection: close"), 1U);
    EXPECT_EQ(count_of(got, "HTTP/1.1 200"), 1U) << "the request behind it is not begun";
    serving.get();
    EXPECT_EQ(s.statistics().connections, 0U);
    s.serve(listener);  // a server that has drained stays so
  });
}

TEST_F(server_test, requests_that_outlast_the_drain_are_cancelled) {
  weft::test::run([] {
    std::atomic<int> in_handler{0};
    std::atomic<int> ended{0};
    const auto handler = [&](request&) -> response {
      ++in_handler;
      try {
        sleep_for(1h);
      } catch (const cancelled&) {
        ++ended;
        throw;
      }
      return {};
    };
    server s(handler, {.drain_timeout = 5ms});
    tcp_listener listener{"127.0.0.1:0"};
    group g;
    g.spawn([&] { s.serve(listener); });
    tcp_stream c = tcp_stream::connect(listener.local_address());
    c.write_all(one);
    yield_until([&] { return in_handler == 1; });
    s.drain();
    EXPECT_EQ(read_all(c), "");
    g.join();
    EXPECT_EQ(ended, 1);
  });
}

TEST_F(server_test, cancelling_it_cancels_its_connections) {
  weft::test::run([] {
    server s(&tell);
    tcp_listener listener{"127.0.0.1:0"};
    tcp_stream c;
    {
      group g;
      g.spawn([&] { s.serve(listener); });
      c = tcp_stream::connect(listener.local_address());
      yield_until([&] { return s.statistics().connections == 1; });
      g.cancel();
    }
    EXPECT_EQ(read_all(c), "");
    EXPECT_EQ(s.statistics().connections, 0U);
  });
}

TEST_F(server_test, closing_the_listener_drains_it) {
  weft::test::run([] {
    server s(&tell);
    tcp_listener listener{"127.0.0.1:0"};
    group g;
    g.spawn([&] { s.serve(listener); });
    EXPECT_TRUE(ask(listener.local_address(), one).ends_with("GET /a"));
    listener.close();
    g.join();
  });
}

TEST_F(server_test, more_connections_than_allowed_wait) {
  weft::test::run([] {
    with_server(&tell, {.max_connections = 2}, [](const address& at, server& s) {
      tcp_stream first = tcp_stream::connect(at);
      tcp_stream second = tcp_stream::connect(at);
      yield_until([&] { return s.statistics().connections == 2; });
      group g;
      task<std::string> third = g.spawn([&] { return ask(at, one); });
      for (int i = 0; i < 200; ++i) weft::yield();
      EXPECT_EQ(s.statistics().accepted, 2U);
      first.close();
      EXPECT_TRUE(third.get().ends_with("GET /a"));
      EXPECT_EQ(s.statistics().accepted, 3U);
    });
  });
}

TEST_F(server_test, each_answer_is_told) {
  weft::test::run([] {
    std::atomic<int> sum{0};
    server_options o;
    o.on_answer = [&](const request& r, int status) { sum += status + static_cast<int>(r.path().size()); };
    with_server(&tell, std::move(o), [](const address& at, server&) { ask(at, std::string(one) + one); });
    EXPECT_EQ(sum, 2 * (200 + 2));
  });
}

TEST_F(server_test, hundreds_of_connections_at_once) {
  weft::test::run([] {
    with_server(&echo, {}, [](const address& at, server& s) {
      const int connections = weft::test::rounds(300);
      group g;
      for (int i = 0; i < connections; ++i) {
        g.spawn([&, i] {
          tcp_stream c = tcp_stream::connect(at);
          for (int round = 0; round < 10; ++round) {
            const std::string body = std::to_string(i) + " in round " + std::to_string(round) + "!";
            c.write_all("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                        body);
            EXPECT_TRUE(read_until(c, "!").ends_with("\r\n\r\n" + body));
          }
        });
      }
      g.join();
      EXPECT_EQ(s.statistics().requests, static_cast<std::uint64_t>(connections) * 10);
    });
  });
}

TEST_F(server_test, options_that_make_no_sense) {
  EXPECT_THROW(server(&tell, {.header_timeout = 0s}), std::invalid_argument);
  EXPECT_THROW(server(&tell, {.max_connections = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace weft::io::http::test
