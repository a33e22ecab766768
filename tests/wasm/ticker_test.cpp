// The clock of time slices. What must never be is a guest that begins to run and gets no tick.
#include <weft/wasm/detail/ticker.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

using weft::wasm::detail::ticker;

struct counted_ticks {
  std::atomic<long> ticks{0};
  ticker clock{[this] { ++ticks; }};

  void run_until_ticked() {
    const long before = ticks;
    clock.run();
    while (ticks == before) std::this_thread::yield();
  }
  // Until it has ticked so often that nobody wanted, or sleeps.
  void idle_for(int count) {
    const long begin = ticks;
    while (ticks - begin < count && !clock.asleep()) std::this_thread::yield();
  }
};

TEST(ticker_test, nothing_ticks_before_the_first_guest) {
  counted_ticks t;
  EXPECT_TRUE(t.clock.asleep());
  EXPECT_EQ(t.ticks, 0);
}

TEST(ticker_test, who_runs_while_it_falls_asleep_gets_a_tick) {
  counted_ticks t;
  for (int round = 0; round < 20; ++round) {
    t.run_until_ticked();
    t.idle_for(ticker::idle_ticks_before_sleep - 2 + round % 4);
  }
}

TEST(ticker_test, it_sleeps_when_nobody_runs_and_wakes_again) {
  counted_ticks t;
  t.run_until_ticked();
  while (!t.clock.asleep()) std::this_thread::yield();
  const long before = t.ticks;
  t.run_until_ticked();
  EXPECT_GT(t.ticks, before);
}

TEST(ticker_test, each_of_many_that_run_gets_a_tick) {
  counted_ticks t;
  std::vector<std::thread> guests;
  for (int i = 0; i < 4; ++i) {
    guests.emplace_back([&t] {
      for (int round = 0; round < 50; ++round) t.run_until_ticked();
    });
  }
  for (std::thread& g : guests) g.join();
  EXPECT_GE(t.ticks, 50);
}

TEST(ticker_test, it_ends_while_it_is_wanted) {
  for (int round = 0; round < 20; ++round) {
    counted_ticks t;
    t.clock.run();
  }
}

}  // namespace
