#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include <support.hpp>
#include <weft/scheduler/backoff.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(backoff, without_jitter_grows_by_its_factor_up_to_its_limit) {
  backoff b({.first = 10ms, .most = 100ms, .factor = 2, .jitter = 0});
  EXPECT_EQ(b.next(), 10ms);
  EXPECT_EQ(b.next(), 20ms);
  EXPECT_EQ(b.next(), 40ms);
  EXPECT_EQ(b.next(), 80ms);
  EXPECT_EQ(b.next(), 100ms);
  EXPECT_EQ(b.next(), 100ms);
  b.reset();
  EXPECT_EQ(b.next(), 10ms);
}

TEST(backoff, jitter_stays_within_its_share_and_differs) {
  test::random_source random;
  backoff b({.first = 1s, .most = 1s, .factor = 1, .jitter = 0.25, .seed = random.seed() | 1});
  std::set<std::chrono::nanoseconds> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto delay = b.next();
    EXPECT_GE(delay, 750ms);
    EXPECT_LE(delay, 1s);
    seen.insert(delay);
  }
  EXPECT_GT(seen.size(), 900U);
}

TEST(backoff, the_same_seed_gives_the_same_delays) {
  backoff a({.seed = 42});
  backoff b({.seed = 42});
  backoff c({.seed = 43});
  int different = 0;
  for (int i = 0; i < 20; ++i) {
    const auto delay = a.next();
    EXPECT_EQ(delay, b.next());
    if (delay != c.next()) ++different;
  }
  EXPECT_GT(different, 15);
}

TEST(backoff, does_not_overflow) {
  backoff b({.first = 1ns, .most = std::chrono::nanoseconds::max() / 2, .factor = 1e6, .jitter = 0});
  for (int i = 0; i < 10; ++i) EXPECT_GE(b.next(), 1ns);
  EXPECT_GT(b.next(), 24h);
}

TEST(backoff, refuses_options_without_sense) {
  EXPECT_THROW(backoff({.first = -1ms}), std::invalid_argument);
  EXPECT_THROW(backoff({.first = 2s, .most = 1s}), std::invalid_argument);
  EXPECT_THROW(backoff({.factor = 0.5}), std::invalid_argument);
  EXPECT_THROW(backoff({.jitter = 1.5}), std::invalid_argument);
  EXPECT_THROW(backoff({.jitter = -0.1}), std::invalid_argument);
}

}  // namespace
}  // namespace weft
