// The rate limiter, by the clock of seeded runs: what it says is exact.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/testing.hpp>
#include <weft/sync/rate_limiter.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(rate_limiter, lets_the_burst_pass_and_then_one_an_interval) {
  testing::run({}, [] {
    rate_limiter limiter({.tokens = 10, .per = 1s, .burst = 3});
    const auto begin = testing::now();
    for (int i = 0; i < 3; ++i) limiter.acquire();
    EXPECT_EQ(testing::now(), begin);
    EXPECT_FALSE(limiter.try_acquire());
    for (int i = 1; i <= 5; ++i) {
      limiter.acquire();
      EXPECT_EQ(testing::now() - begin, i * 100ms);
    }
    EXPECT_EQ(limiter.statistics().delayed, 5U);
  });
}

TEST(rate_limiter, gathers_no_more_than_the_burst) {
  testing::run({}, [] {
    rate_limiter limiter({.tokens = 10, .per = 1s, .burst = 3});
    limiter.acquire(3);
    EXPECT_EQ(limiter.statistics().available, 0);
    sleep_for(250ms);
    EXPECT_EQ(limiter.statistics().available, 2);
    sleep_for(1h);
    EXPECT_EQ(limiter.statistics().available, 3);
    EXPECT_TRUE(limiter.try_acquire(3));
    EXPECT_FALSE(limiter.try_acquire());
  });
}

TEST(rate_limiter, does_not_drift_where_the_interval_is_no_whole_number) {
  testing::run({}, [] {
    rate_limiter limiter({.tokens = 7, .per = 1us, .burst = 1});
    const auto begin = testing::now();
    for (int i = 0; i <= 7'000; ++i) limiter.acquire();
    const auto took = testing::now() - begin;
    EXPECT_GE(took, 1ms - 1ns);
    EXPECT_LE(took, 1ms + 1ns);
  });
}

TEST(rate_limiter, serves_in_order_of_arrival_also_those_who_want_much) {
  testing::run({}, [] {
    rate_limiter limiter({.tokens = 1, .per = 1s, .burst = 5});
    limiter.acquire(5);
    const auto begin = testing::now();
    std::vector<std::pair<int, std::chrono::nanoseconds>> served;
    group g;
    for (const int n : {5, 1, 2}) {
      g.spawn([&, n] {
        limiter.acquire(n);
        served.emplace_back(n, testing::now() - begin);
      });
      sleep_for(1ms);
    }
    sleep_for(4s);
    EXPECT_FALSE(limiter.try_acquire()) << "one is there, but others wait";
    g.join();
    EXPECT_EQ(served, (decltype(served){{5, 5s}, {1, 6s}, {2, 8s}}));
  });
}

TEST(rate_limiter, who_is_cancelled_has_taken_nothing) {
  testing::run({}, [] {
    rate_limiter limiter({.tokens = 1, .per = 1s, .burst = 2});
    limiter.acquire(2);
    const auto begin = testing::now();
    group g;
    g.spawn([&] { EXPECT_THROW(with_deadline(500ms, [&] { limiter.acquire(2); }), timeout_error); });
    g.spawn([&] { EXPECT_THROW(with_deadline(600ms, [&] { limiter.acquire(); }), timeout_error); });
    g.join();
    limiter.acquire();
    EXPECT_EQ(testing::now() - begin, 1s);
  });
}

TEST(rate_limiter, is_for_threads_and_real_time_too) {
  rate_limiter limiter({.tokens = 10'000, .burst = 1});
  const auto begin = std::chrono::steady_clock::now();
  const auto take = [&] {
    for (int i = 0; i < 10; ++i) limiter.acquire();
  };
  std::thread thread(take);
  test::run([&] {
    group g;
    g.spawn(take);
    g.spawn(take);
  });
  thread.join();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 2'900us);
}

TEST(rate_limiter, misuse_is_refused) {
  EXPECT_THROW(rate_limiter({.tokens = 0}), std::invalid_argument);
  EXPECT_THROW(rate_limiter({.tokens = 1, .per = 0s}), std::invalid_argument);
  EXPECT_THROW(rate_limiter({.tokens = 1, .burst = 0}), std::invalid_argument);
  EXPECT_THROW(rate_limiter({.tokens = 1, .per = 24h, .burst = 1'000'000}), std::invalid_argument);
  rate_limiter limiter({.tokens = 1, .burst = 2});
  EXPECT_THROW(limiter.acquire(0), std::invalid_argument);
  EXPECT_THROW(limiter.acquire(3), std::invalid_argument);
  EXPECT_THROW((void)limiter.try_acquire(3), std::invalid_argument);
}

}  // namespace
}  // namespace weft
