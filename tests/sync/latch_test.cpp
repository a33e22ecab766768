// Latches.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/latch.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(latch, opens_at_zero_and_stays_open) {
  test::run([] {
    latch l(3);
    EXPECT_FALSE(l.try_wait());
    l.count_down(2);
    EXPECT_EQ(l.statistics().count, 1);
    l.arrive_and_wait();
    EXPECT_TRUE(l.try_wait());
    l.wait();
    l.count_down(0);
    latch open(0);
    open.wait();
  });
}

TEST(latch, lets_fibers_and_threads_see_what_was_done_before) {
  for (int i = 0; i < test::rounds(200); ++i) {
    latch l(3);
    int a = 0, b = 0, c = 0;
    std::thread thread([&] {
      a = 1;
      l.arrive_and_wait();
      EXPECT_EQ(a + b + c, 3);
    });
    test::run([&] {
      group g;
      g.spawn([&] {
        b = 1;
        l.count_down();
      });
      c = 1;
      l.arrive_and_wait();
      EXPECT_EQ(a + b + c, 3);
    });
    thread.join();
  }
}

TEST(latch, may_be_destroyed_as_soon_as_a_wait_has_returned) {
  test::run([] {
    for (int i = 0; i < test::rounds(2'000); ++i) {
      group g;
      auto l = std::make_unique<latch>(2);
      for (int k = 0; k < 2; ++k) g.spawn([l = l.get()] { l->count_down(); });
      if (i % 2 == 0) yield();
      l->wait();
      l.reset();
    }
  });
}

TEST(latch, waiting_is_a_cancellation_point_and_what_was_counted_stays) {
  test::run([] {
    latch l(2);
    group g;
    g.cancel();
    EXPECT_THROW(l.arrive_and_wait(), cancelled);
    EXPECT_EQ(l.statistics().count, 1);
    l.count_down();
    EXPECT_THROW(l.wait(), cancelled);
  });
}

TEST(latch, misuse_is_refused) {
  EXPECT_THROW(latch(-1), std::invalid_argument);
  latch l(1);
  EXPECT_THROW(l.count_down(-1), std::invalid_argument);
  EXPECT_THROW(l.count_down(2), std::logic_error);
  EXPECT_EQ(l.statistics().count, 1);
}

}  // namespace
}  // namespace weft
