// Many connections at once: none is lost, none holds up another, and nothing is left of them.
#include "faults_support.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>

#include <weft/io/buffered.hpp>
#include <weft/io/process.hpp>
#include <weft/sync/event.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using crowd_test = io_test;

// Of this process, now.
std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void echo(tcp_stream& s) {
  std::array<std::byte, 64> part;
  while (const std::size_t n = s.read_some(part)) s.write_all(std::span(part).first(n));
}

// 10,000 where the process may have so many descriptors.
TEST_F(crowd_test, ten_thousand_connections_wait_are_served_and_leave_nothing) {
  const resource_limit limit(RLIMIT_NOFILE, RLIM_INFINITY);
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(weft::test::rounds(10'000)), limit.most() - 100);
  weft::test::run([count] {
    tcp_listener listener{"127.0.0.1:0", {.backlog = 4096}};
    process clients({WEFT_CROWD, std::to_string(listener.local_address().port()), std::to_string(count)},
                    {.input = piped, .output = piped});
    buffered_reader told(clients.output());
    const std::size_t before = resident_bytes();
    group servers;
    for (std::size_t i = 0; i < count; ++i) servers.spawn([s = listener.accept()]() mutable { echo(s); });
    EXPECT_EQ(told.read_line(), "connected");
    std::printf("%zu connections, %zu bytes each\n", count, (resident_bytes() - before) / count);
    EXPECT_GE(open_descriptors(), count);
    for (int round = 0; round < 2; ++round) {
      clients.input().write_all("\n");
      EXPECT_EQ(told.read_line(), "answered");
    }
    clients.input().close();
    EXPECT_TRUE(clients.wait().success());
    servers.join();
    EXPECT_LT(open_descriptors(), 100U);
  });
}

// All of them are cut off at once.
TEST_F(crowd_test, a_crowd_that_is_killed) {
  const resource_limit limit(RLIMIT_NOFILE, RLIM_INFINITY);
  weft::test::run([] {
    const int count = weft::test::rounds(1'000);
    tcp_listener listener{"127.0.0.1:0", {.backlog = 4096}};
    process clients({WEFT_CROWD, std::to_string(listener.local_address().port()), std::to_string(count)},
                    {.input = piped, .output = piped});
    std::atomic<int> ended{0};
    group servers;
    for (int i = 0; i < count; ++i) {
      servers.spawn([&ended, s = listener.accept()]() mutable {
        try {
          echo(s);
        } catch (const std::system_error& e) {
          EXPECT_EQ(e.code().value(), ECONNRESET) << e.what();
        }
        ++ended;
      });
    }
    clients.kill(SIGKILL);
    EXPECT_EQ(clients.wait().signal(), SIGKILL);
    servers.join();
    EXPECT_EQ(ended, count);
  });
}

// Readers that do not read hold up their own writers and nobody else.
TEST_F(crowd_test, slow_readers_hold_up_nobody_else) {
  weft::test::run([] {
    constexpr int slow = 30;
    std::vector<connection> stalled(slow);
    for (connection& c : stalled) c = connect_pair();
    std::atomic<std::size_t> written{0};
    const std::uint64_t before = operations();
    group g;
    for (connection& c : stalled) {
      g.spawn([&c, &written] {
        std::size_t mine = 0;
        while (mine < 20'000'000) {
          const std::size_t n = c.server.write_some(make_pattern(1, mine, 100'000));
          mine += n;
          written += n;
        }
      });
    }
    yield_until([&] { return operations() >= before + slow; });
    const std::size_t held = written;
    connection quick = connect_pair();
    g.spawn([&quick] { echo(quick.server); });
    std::array<std::byte, 8> bytes{};
    for (int i = 0; i < 1'000; ++i) {
      quick.client.write_all(bytes);
      ASSERT_TRUE(quick.client.read_exactly(bytes));
    }
    EXPECT_LT(written, held + 2'000'000U) << "the system holds what it held";
    g.cancel();
    g.join();
  });
}

// Connections that are reset before, while and after they are accepted.
TEST_F(crowd_test, a_storm_of_connections_that_are_reset) {
  weft::test::run([] {
    const int storm = weft::test::rounds(600);
    tcp_listener listener{"127.0.0.1:0", {.backlog = 4096}};
    const address where = listener.local_address();
    std::atomic<int> served{0};
    group g;
    group servers;
    servers.spawn([&] {
      for (;;) {
        servers.spawn([&served, s = listener.accept()]() mutable {
          try {
            echo(s);
            ++served;
          } catch (const std::system_error&) {  // reset
          }
        });
      }
    });
    for (int i = 0; i < storm; ++i) {
      g.spawn([where, i] {
        tcp_stream s = tcp_stream::connect(where);
        std::array<std::byte, 1> byte{};
        if (i % 3 == 0) return s.reset();
        s.write_all(byte);
        if (i % 3 == 1) return s.reset();
        EXPECT_TRUE(s.read_exactly(byte));
      });
    }
    g.join();
    yield_until([&] { return served >= storm / 3; });
    servers.cancel();
    servers.join();
  });
}

// Each side ends its direction at another time; what is still under way arrives.
TEST_F(crowd_test, half_closed_connections) {
  weft::test::run([] {
    group g;
    for (int i = 0; i < 100; ++i) {
      g.spawn([i] {
        connection c = connect_pair();
        const auto size = static_cast<std::size_t>(1 + i * 997 % 50'000);
        group both;
        both.spawn([&c, size] {
          c.client.write_all(make_pattern(1, 0, size));
          c.client.shutdown_write();
        });
        both.spawn([&c] {
          echo(c.server);
          c.server.shutdown_write();
        });
        std::vector<std::byte> bytes(size + 1);
        std::size_t got = 0;
        while (const std::size_t n = c.client.read_some(std::span(bytes).subspan(got))) got += n;
        EXPECT_EQ(got, size);
        EXPECT_EQ(matching(std::span(bytes).first(got), 1, 0), size);
      });
    }
  });
}

}  // namespace
}  // namespace weft::io::test
