// What a fiber does to itself, and what the same calls do outside.
#include <gtest/gtest.h>

#include <atomic>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

TEST(this_fiber, outside_a_fiber_calls_do_what_a_thread_expects) {
  EXPECT_FALSE(in_fiber());
  EXPECT_EQ(current_worker(), -1);
  EXPECT_NO_THROW(yield());
  EXPECT_NO_THROW(yield_after_slice());
  const auto until = clock::now() + 2ms;
  sleep_for(2ms);
  EXPECT_GE(clock::now(), until);
  sleep_until(clock::now() - 1s);
  sleep_for(-1s);
}

TEST(this_fiber, inside_it_knows_where_it_is) {
  weft::run(test::options_without_spares(), [] {
    EXPECT_TRUE(in_fiber());
    EXPECT_GE(current_worker(), 0);
    EXPECT_LT(current_worker(), static_cast<int>(test::worker_count()));
  });
}

TEST(this_fiber, sleeps_last_at_least_as_long_as_asked) {
  test::run([] {
    for (const auto duration : {1us, 50us, 1'000us, 3'000us}) {
      const auto until = clock::now() + duration;
      sleep_for(duration);
      EXPECT_GE(clock::now(), until);
    }
    const auto until = clock::now() + 1ms;
    sleep_until(until);
    EXPECT_GE(clock::now(), until);
  });
}

TEST(this_fiber, a_sleep_of_no_length_gives_way) {
  weft::run(test::test_options(1), [] {
    std::atomic<int> other{0};
    group g;
    g.spawn([&] {
      for (int i = 0; i < 10; ++i) {
        other.fetch_add(1);
        yield();
      }
    });
    test::give_way_until([&] { return other.load() > 0; });
    const int before = other.load();
    for (int i = 0; i < 5; ++i) sleep_for(0ns);
    EXPECT_GT(other.load(), before);
  });
}

TEST(this_fiber, giving_way_with_nobody_else_returns) {
  test::run([] {
    for (int i = 0; i < 10'000; ++i) yield();
    for (int i = 0; i < 1'000; ++i) yield_after_slice();
  });
}

TEST(this_fiber, who_is_cancelled_in_the_queue_begins_no_other_slice) {
  weft::run(test::test_options(1), [] {
    bool begun = false;
    bool told = false;
    bool went_on = false;
    group g;
    g.spawn([&] {
      for (begun = true;; went_on = went_on || told) yield_after_slice();
    });
    test::give_way_until([&] { return begun; });
    told = true;
    g.cancel();
    g.join();
    EXPECT_FALSE(went_on);
  });
}

// Or those who began early would have many turns before others their first.
TEST(this_fiber, what_has_not_begun_comes_before_those_whose_slice_is_over) {
  options two_workers = test::options_without_spares();
  two_workers.workers = 2;
  weft::run(two_workers, [] {
    const auto spin_until = [](const std::atomic<bool>& flag) {
      while (!flag.load()) {
      }
    };
    std::atomic<bool> runs_elsewhere{false};
    std::atomic<bool> all_is_there{false};
    std::atomic<bool> done{false};
    std::atomic<int> turns{0};
    int turn_of_the_new = 0;
    int turn_of_the_old = 0;
    std::atomic<bool> old_has_begun{false};
    group g;
    g.spawn([&] {  // on the other worker, as this one spins
      runs_elsewhere = true;
      spin_until(all_is_there);
      yield_after_slice();
    });
    spin_until(runs_elsewhere);
    g.spawn([&] {
      old_has_begun = true;
      yield_after_slice();
      turn_of_the_old = ++turns;
      done = true;
    });
    test::give_way_until([&] { return old_has_begun.load(); });
    g.spawn([&] { turn_of_the_new = ++turns; });
    all_is_there = true;
    spin_until(done);
    g.join();
    EXPECT_EQ(turn_of_the_new, 1);
    EXPECT_EQ(turn_of_the_old, 2);
  });
}

TEST(this_fiber, thousands_sleep_at_once) {
  test::run([] {
    std::atomic<int> woken{0};
    constexpr int sleepers = test::rounds(10'000);
    {
      group g;
      for (int i = 0; i < sleepers; ++i) {
        g.spawn([&, i] {
          sleep_for(std::chrono::microseconds(i % 3'000));
          woken.fetch_add(1);
        });
      }
    }
    EXPECT_EQ(woken.load(), sleepers);
  });
}

}  // namespace
}  // namespace weft
