#include <gtest/gtest.h>
#include <weft/scheduler/foreign_frame.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <weft/scheduler/scheduler.hpp>

#include "support.hpp"

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(foreign_frame, keeps_the_fiber_on_its_worker) {
  test::run([] {
    group g;
    for (int i = 0; i < 200; ++i) {
      g.spawn([i] {
        const foreign_frame here;
        const auto thread = std::this_thread::get_id();
        for (int round = 0; round < 50; ++round) {
          if ((i + round) % 3 == 0) {
            sleep_for(10us);
          } else {
            yield();
          }
          EXPECT_EQ(std::this_thread::get_id(), thread);
        }
      });
    }
    g.join();
  });
}

// Woken from elsewhere it goes where it belongs; those who are kept and those who are not both get on.
TEST(foreign_frame, is_woken_by_other_workers_and_threads) {
  test::run([] {
    constexpr int fibers = 50;
    const int rounds = test::rounds(200);
    std::vector<std::atomic<int>> turns(fibers);
    group g;
    for (int i = 0; i < fibers; ++i) {
      g.spawn([&, i] {
        const foreign_frame here;
        const auto thread = std::this_thread::get_id();
        for (int round = 0; round < rounds; ++round) {
          blocking([] {});
          EXPECT_EQ(std::this_thread::get_id(), thread);
          ++turns[static_cast<std::size_t>(i)];
        }
      });
      g.spawn([&, i] {
        while (turns[static_cast<std::size_t>(i)] < rounds) yield();
      });
    }
    g.join();
  });
}

TEST(foreign_frame, nests_and_ends) {
  test::run([] {
    const int worker = current_worker();
    {
      const foreign_frame outer;
      {
        const foreign_frame inner;
        sleep_for(1us);
      }
      sleep_for(1us);
      EXPECT_EQ(current_worker(), worker);
    }
    sleep_for(1us);  // anywhere
  });
}

TEST(foreign_frame, is_cancelled_like_any_other) {
  test::run([] {
    group g;
    std::atomic<int> begun{0}, ended{0};
    for (int i = 0; i < 20; ++i) {
      g.spawn([&] {
        const foreign_frame here;
        ++begun;
        try {
          sleep_for(1h);
        } catch (const cancelled&) {
          ++ended;
          throw;
        }
      });
    }
    test::give_way_until([&] { return begun == 20; });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
    EXPECT_EQ(ended, 20);
  });
}

TEST(foreign_frame, outside_a_fiber_there_is_nothing_to_keep) {
  const foreign_frame here;
  EXPECT_FALSE(may_park_here());
  EXPECT_EQ(fiber_number(), 0U);
  test::run([] {
    EXPECT_TRUE(may_park_here());
    EXPECT_NE(fiber_number(), 0U);
    const parker preparing;
    EXPECT_FALSE(may_park_here());
  });
}

TEST(foreign_frame, one_who_gives_way_unheard_is_not_cancelled) {
  test::run([] {
    group g;
    g.cancel();
    give_way_unheard();
    EXPECT_THROW(check_cancelled(), cancelled);
  });
}

}  // namespace
}  // namespace weft
