#include "io_support.hpp"

#include <stdexcept>

#include <weft/scheduler/testing.hpp>
#include <weft/sync/select.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using ticker_test = io_test;

TEST_F(ticker_test, beats_come_at_even_intervals) {
  weft::testing::run({}, [] {
    const auto start = weft::testing::now();
    ticker beat(100ms);
    for (int i = 1; i <= 5; ++i) {
      EXPECT_EQ(beat.wait(), 1U);
      EXPECT_EQ(weft::testing::now() - start, i * 100ms);
      sleep_for(30ms);  // work that takes less than an interval
    }
  });
}

TEST_F(ticker_test, missed_beats_are_counted_or_made_up_for) {
  weft::testing::run({}, [] {
    const auto start = weft::testing::now();
    ticker counting(100ms);
    ticker delivering(100ms, missed_ticks::delivered);
    sleep_for(350ms);
    EXPECT_EQ(counting.wait(), 3U);
    EXPECT_EQ(weft::testing::now() - start, 350ms);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(delivering.wait(), 1U);
    EXPECT_EQ(weft::testing::now() - start, 350ms);
    EXPECT_EQ(counting.wait(), 1U);
    EXPECT_EQ(weft::testing::now() - start, 400ms) << "the beat goes on as it began";
    EXPECT_EQ(delivering.wait(), 1U);
    EXPECT_EQ(weft::testing::now() - start, 400ms);
  });
}

TEST_F(ticker_test, a_beat_may_be_one_of_several_things_waited_for) {
  weft::testing::run({}, [] {
    ticker beat(10ms);
    int beats = 0;
    bool ended = false;
    const auto end = weft::testing::now() + 45ms;
    while (!ended) {
      weft::select(
          weft::at(beat.next()) >> [&] { beats += static_cast<int>(beat.take()); },
          weft::at(end) >> [&] { ended = true; });
    }
    EXPECT_EQ(beats, 4);
  });
}

TEST_F(ticker_test, waiting_is_a_cancellation_point) {
  weft::testing::run({}, [] {
    ticker beat(1h);
    EXPECT_THROW(with_deadline(1min, [&] { beat.wait(); }), timeout_error);
    EXPECT_EQ(beat.wait(), 1U);
  });
}

TEST_F(ticker_test, an_interval_is_positive) { EXPECT_THROW(ticker(0ns), std::invalid_argument); }

TEST_F(ticker_test, an_ordinary_thread_waits_too) {
  ticker beat(1ms);
  EXPECT_GE(beat.wait(), 1U);
}

}  // namespace
}  // namespace weft::io::test
