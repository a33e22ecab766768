// The clock of seeded runs: it stands still while anything can run, and jumps when nothing can.
#include <gtest/gtest.h>

#include <vector>

#include <testing/programs.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/event.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(virtual_clock, jumps_over_a_sleep) {
  testing::run({}, [] {
    const auto begin = testing::now();
    sleep_for(1000h);
    EXPECT_EQ(testing::now() - begin, 1000h);
  });
}

TEST(virtual_clock, stands_still_while_a_fiber_can_run) {
  testing::run({}, [] {
    const auto begin = testing::now();
    group g;
    g.spawn([] { sleep_for(1ns); });
    g.spawn([&] {
      for (int i = 0; i < 1'000; ++i) {
        schedule_point();
        EXPECT_EQ(testing::now(), begin);
      }
    });
  });
}

TEST(virtual_clock, timers_come_in_the_order_of_their_times_under_every_seed) {
  test::explore(200, [] {
    std::vector<int> order;
    {
      group g;
      for (int i : {5, 3, 9, 1}) {
        g.spawn([&, i] {
          sleep_for(std::chrono::hours(i));
          order.push_back(i);
        });
      }
    }
    EXPECT_EQ(order, (std::vector{1, 3, 5, 9}));
  });
}

TEST(virtual_clock, deadlines_go_by_it) {
  test::explore(200, [] {
    const auto begin = testing::now();
    EXPECT_THROW(with_deadline(1h, [] { sleep_for(2h); }), timeout_error);
    EXPECT_EQ(testing::now() - begin, 1h);
    EXPECT_NO_THROW(with_deadline(2h, [] { sleep_for(1h); }));
    event never;
    EXPECT_FALSE(never.wait_for(3h));
    EXPECT_EQ(testing::now() - begin, 5h);
  });
}

TEST(virtual_clock, a_fiber_that_polls_lets_time_pass) {
  testing::run({}, [] {
    bool done = false;
    group g;
    g.spawn([&] {
      sleep_for(1h);
      done = true;
    });
    while (!done) yield();
  });
}

TEST(virtual_clock, late_timers_may_overtake_what_can_run) {
  bool in_time = false, late = false;
  test::explore(
      500,
      [&] {
        try {
          with_deadline(1h, [] {
            for (int i = 0; i < 10; ++i) yield();
          });
          in_time = true;
        } catch (const timeout_error&) {
          late = true;
        }
      },
      true);
  EXPECT_TRUE(in_time);
  EXPECT_TRUE(late);
}

TEST(virtual_clock, stands_still_during_a_blocking_call) {
  testing::run({}, [] {
    const auto begin = testing::now();
    group g;
    g.spawn([&] {
      blocking([] { std::this_thread::sleep_for(3ms); });
      EXPECT_EQ(testing::now(), begin);
    });
    sleep_for(1s);
  });
}

TEST(virtual_clock, is_the_real_one_elsewhere) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_GE(testing::now(), before);
  test::run([&] { EXPECT_GE(testing::now(), before); });
  const auto after = testing::now();
  EXPECT_LE(after, std::chrono::steady_clock::now());
}

}  // namespace
}  // namespace weft
