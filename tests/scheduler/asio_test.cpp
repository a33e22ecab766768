// Boost.Asio's operations as blocking calls of fibers; the io_context runs on threads of its own.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/asio.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
namespace net = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using net::ip::tcp;

// An io_context that is run until the end of its scope.
class served_context {
 public:
  served_context() : thread_([this] { context_.run(); }) {}
  ~served_context() {
    context_.stop();
    thread_.join();
  }
  served_context(const served_context&) = delete;
  served_context& operator=(const served_context&) = delete;
  net::io_context& operator*() { return context_; }
  net::io_context* operator->() { return &context_; }
  [[nodiscard]] std::thread::id thread() const { return thread_.get_id(); }

 private:
  net::io_context context_{1};
  net::executor_work_guard<net::io_context::executor_type> work_ = net::make_work_guard(context_);
  std::thread thread_;
};

tcp::endpoint any_port_on_loopback() { return {net::ip::address_v4::loopback(), 0}; }

struct connected_pair {
  tcp::socket client;
  tcp::socket server;
};

connected_pair make_pair(net::io_context& context) {
  tcp::acceptor acceptor(context, any_port_on_loopback());
  connected_pair pair{tcp::socket(context), tcp::socket(context)};
  pair.client.connect(acceptor.local_endpoint());
  acceptor.accept(pair.server);
  return pair;
}

// A custom operation: completes with whatever the function given hands to the handler, on the context's thread.
template <class Signature, class Complete, class Token>
auto async_custom(net::io_context& context, Complete complete, Token&& token, std::atomic<int>* posted = nullptr) {
  return net::async_initiate<Token, Signature>(
      [&context, complete, posted](auto handler) {
        net::post(context, [handler = std::move(handler), complete]() mutable { complete(std::move(handler)); });
        if (posted != nullptr) posted->fetch_add(1);
      },
      token);
}

TEST(use_fiber, an_echo_server_and_its_clients_exchange_over_tcp) {
  served_context context;
  test::run([&] {
    tcp::acceptor acceptor(*context, any_port_on_loopback());
    constexpr int clients = 8;
    group g;
    g.spawn([&] {
      group sessions;
      for (int i = 0; i < clients; ++i) {
        auto socket = std::make_shared<tcp::socket>(acceptor.async_accept(use_fiber));
        sessions.spawn([socket] {
          std::array<char, 1024> buffer;
          for (;;) {
            error_code ec;
            const std::size_t n = socket->async_read_some(net::buffer(buffer), use_fiber[ec]);
            if (ec == net::error::eof) return;
            net::async_write(*socket, net::buffer(buffer, n), use_fiber);
          }
        });
      }
    });
    for (int i = 0; i < clients; ++i) {
      g.spawn([&, i] {
        tcp::socket socket(*context);
        socket.async_connect(acceptor.local_endpoint(), use_fiber);
        for (int n = 0; n < test::rounds(50); ++n) {
          const std::string sent(static_cast<std::size_t>(1 + n * 31), static_cast<char>('a' + i));
          EXPECT_EQ(net::async_write(socket, net::buffer(sent), use_fiber), sent.size());
          std::string received(sent.size(), ' ');
          EXPECT_EQ(net::async_read(socket, net::buffer(received), use_fiber), sent.size());
          EXPECT_EQ(received, sent);
          EXPECT_TRUE(in_fiber());
        }
      });
    }
  });
}

TEST(use_fiber, errors_are_thrown_or_redirected) {
  served_context context;
  test::run([&] {
    auto pair = make_pair(*context);
    pair.server.close();
    char c = 0;
    try {
      pair.client.async_read_some(net::buffer(&c, 1), use_fiber);
      ADD_FAILURE();
    } catch (const system_error& e) {
      EXPECT_EQ(e.code(), net::error::eof);
    }
    auto other = make_pair(*context);
    other.server.close();
    error_code ec;
    EXPECT_EQ(other.client.async_read_some(net::buffer(&c, 1), use_fiber[ec]), 0U);
    EXPECT_EQ(ec, net::error::eof);
    net::steady_timer timer(*context, 1us);
    timer.async_wait(use_fiber[ec]);
    EXPECT_FALSE(ec) << "set on success, too";
  });
}

TEST(use_fiber, returns_nothing_a_value_or_a_tuple) {
  served_context context;
  test::run([&] {
    using std::string;
    static_assert(std::is_void_v<decltype(net::post(*context, use_fiber))>);
    net::post(*context, use_fiber);
    EXPECT_EQ(async_custom<void(string)>(*context, [](auto h) { h("x"); }, use_fiber), "x");
    EXPECT_EQ((async_custom<void(error_code, int, string)>(
                  *context, [](auto h) { h(error_code(), 1, "y"); }, use_fiber)),
              std::make_tuple(1, string("y")));
    auto moved =
        async_custom<void(std::unique_ptr<int>)>(*context, [](auto h) { h(std::make_unique<int>(4)); }, use_fiber);
    EXPECT_EQ(*moved, 4);
    EXPECT_THROW((async_custom<void(std::exception_ptr, int)>(
                     *context, [](auto h) { h(std::make_exception_ptr(std::runtime_error("e")), 0); }, use_fiber)),
                 std::runtime_error);
    EXPECT_EQ((async_custom<void(std::exception_ptr, int)>(*context, [](auto h) { h(nullptr, 3); }, use_fiber)), 3);
  });
}

TEST(use_fiber, an_operation_may_complete_within_its_initiation) {
  test::run([] {
    const auto at_once = [](auto&& token) {
      return net::async_initiate<decltype(token), void(int)>([](auto handler) { handler(8); }, token);
    };
    EXPECT_EQ(at_once(use_fiber), 8);
  });
}

TEST(use_fiber, completions_race_with_the_wait) {
  served_context context;
  test::run([&] {
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&] {
        for (int n = 0; n < test::rounds(500); ++n) net::post(*context, use_fiber);
      });
    }
  });
}

// ------------------------------------------------------------------------------------------------- cancellation

TEST(use_fiber, a_cancelled_fiber_cancels_its_operation) {
  served_context context;
  test::run([&] {
    auto pair = make_pair(*context);
    net::steady_timer timer(*context, 1h);
    tcp::acceptor acceptor(*context, any_port_on_loopback());
    std::atomic<int> cancelled_count{0};
    group g;
    const auto waits = [&](auto operation) {
      g.spawn([&, operation] {
        try {
          operation();
          ADD_FAILURE();
        } catch (const cancelled& c) {
          EXPECT_EQ(c.reason(), cancel_reason::requested);
          cancelled_count.fetch_add(1);
          throw;
        }
      });
    };
    std::array<char, 4> first;
    waits([&] { pair.client.async_read_some(net::buffer(first), use_fiber); });
    std::array<char, 4> second;
    waits([&] { net::async_read(pair.server, net::buffer(second), use_fiber); });
    waits([&] { timer.async_wait(use_fiber); });
    waits([&] { acceptor.async_accept(use_fiber); });
    test::give_way_until([&] { return runtime::current_statistics().total().parks >= 4; });
    sleep_for(100us);
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
    EXPECT_EQ(cancelled_count.load(), 4);
  });
}

TEST(use_fiber, a_deadline_ends_the_operation_and_the_socket_is_as_before) {
  served_context context;
  test::run([&] {
    auto pair = make_pair(*context);
    std::array<char, 5> buffer;
    for (int i = 0; i < test::rounds(20); ++i) {
      EXPECT_THROW(with_deadline(200us, [&] { pair.client.async_read_some(net::buffer(buffer), use_fiber); }),
                   timeout_error);
    }
    net::write(pair.server, net::buffer("hello", 5));
    EXPECT_EQ(pair.client.async_read_some(net::buffer(buffer), use_fiber), 5U);
  });
}

TEST(use_fiber, a_cancelled_fiber_starts_no_operation) {
  served_context context;
  test::run([&] {
    group g;
    g.cancel();
    bool started = false;
    const auto operation = [&](auto&& token) {
      return net::async_initiate<decltype(token), void()>(
          [&](auto handler) {
            started = true;
            handler();
          },
          token);
    };
    EXPECT_THROW(operation(use_fiber), cancelled);
    EXPECT_FALSE(started);
  });
}

// Data and cancellation come at about the same time: what was read is returned, or still there for the next read.
TEST(use_fiber, a_completed_operation_keeps_its_result) {
  served_context context;
  test::random_source random;
  test::run([&] {
    auto pair = make_pair(*context);
    std::size_t received = 0;
    const int rounds = test::rounds(300);
    for (int i = 0; i < rounds; ++i) {
      group g;
      g.spawn([&] {
        char c = 0;
        received += pair.client.async_read_some(net::buffer(&c, 1), use_fiber);
      });
      yield();
      for (std::uint32_t n = random.below(3); n > 0; --n) yield();
      net::write(pair.server, net::buffer("x", 1));
      test::spin(random.below(20'000));
      g.cancel();
      try {
        g.join();
      } catch (const cancelled&) {
      }
    }
    pair.server.close();
    std::vector<char> rest(static_cast<std::size_t>(rounds));
    error_code ec;
    received += net::async_read(pair.client, net::buffer(rest), use_fiber[ec]);
    EXPECT_EQ(received, static_cast<std::size_t>(rounds));
  });
}

TEST(use_fiber, an_operation_that_knows_no_cancellation_is_awaited) {
  served_context context;
  test::run([&] {
    std::atomic<bool> go_on{false};
    std::atomic<bool> begun{false};
    group g;
    auto t = g.spawn([&] {
      return async_custom<void(int)>(
          *context,
          [&](auto h) {
            begun.store(true);
            test::give_way_until([&] { return go_on.load(); });
            h(5);
          },
          use_fiber);
    });
    test::give_way_until([&] { return begun.load(); });
    g.cancel();
    EXPECT_FALSE(t.done());
    go_on.store(true);
    try {
      g.join();
    } catch (const cancelled&) {
    }
    EXPECT_EQ(t.get(), 5);
  });
}

// ------------------------------------------------------------------------------------------------- misuse and ends

// A handler that a context drops unused ends the wait.
TEST(use_fiber, a_context_that_goes_leaves_no_fiber_waiting) {
  test::run([] {
    auto context = std::make_unique<net::io_context>();
    std::atomic<int> posted{0};
    group g(supervise);
    auto with_error = g.spawn([&] {
      error_code ec;
      async_custom<void(error_code)>(*context, [](auto h) { h(error_code()); }, use_fiber[ec], &posted);
      return ec;
    });
    auto without = g.spawn([&] { return async_custom<void(int)>(*context, [](auto h) { h(1); }, use_fiber, &posted); });
    test::give_way_until([&] { return posted.load() == 2; });
    EXPECT_FALSE(with_error.done());
    EXPECT_FALSE(without.done());
    context.reset();
    EXPECT_EQ(with_error.get(), net::error::operation_aborted);
    try {
      without.get();
      ADD_FAILURE();
    } catch (const system_error& e) {
      EXPECT_EQ(e.code(), net::error::operation_aborted);
    }
    EXPECT_THROW(g.join(), group_error);
  });
}

TEST(use_fiber, needs_a_fiber) {
  net::io_context context;
  net::steady_timer timer(context, 1h);
  EXPECT_THROW(timer.async_wait(use_fiber), std::logic_error);
}

}  // namespace
}  // namespace weft
