#include <gtest/gtest.h>
#include <weft/scheduler/no_parking.hpp>

#include <chrono>
#include <stdexcept>
#include <thread>

#include <weft/scheduler/scheduler.hpp>

#include "support.hpp"

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(no_parking, what_would_park_is_refused_and_works_again_afterwards) {
  test::run([] {
    {
      const no_parking here;
      EXPECT_THROW(sleep_for(1h), std::logic_error);
      EXPECT_THROW(sleep_until(std::chrono::steady_clock::time_point::max()), std::logic_error);
      sleep_for(0s);  // need not wait
      EXPECT_EQ(blocking([] { return std::this_thread::get_id(); }), std::this_thread::get_id());
    }
    sleep_for(1us);
  });
}

TEST(no_parking, a_yield_stays) {
  weft::run(test::test_options(1), [] {
    bool other_ran = false;
    group g;
    g.spawn([&] { other_ran = true; });
    {
      const no_parking here;
      for (int i = 0; i < 100; ++i) yield();
      EXPECT_FALSE(other_ran);
    }
    test::give_way_until([&] { return other_ran; });
    g.join();
  });
}

TEST(no_parking, nests) {
  test::run([] {
    const no_parking outer;
    {
      const no_parking inner;
    }
    EXPECT_THROW(sleep_for(1h), std::logic_error);
  });
}

TEST(no_parking, is_the_fibers_own) {
  weft::run(test::test_options(1), [] {
    group g;
    bool slept = false;
    g.spawn([&] {
      sleep_for(1us);
      slept = true;
    });
    {
      const no_parking here;
      EXPECT_THROW(sleep_for(1h), std::logic_error);
    }
    g.join();
    EXPECT_TRUE(slept);
  });
}

TEST(no_parking, does_nothing_on_a_thread) {
  const no_parking here;
  const auto before = std::chrono::steady_clock::now();
  sleep_for(1ms);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 1ms);
}

}  // namespace
}  // namespace weft
