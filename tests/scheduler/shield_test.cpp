#include <weft/scheduler/shield.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace {

using namespace std::chrono_literals;
using weft::test::run;

TEST(shield, lets_cleanup_block_in_a_cancelled_scope) {
  run([] {
    weft::group g;
    bool cleaned = false;
    std::atomic<bool> begun{false};
    g.spawn([&] {
      try {
        begun.store(true);
        weft::sleep_for(1h);
      } catch (const weft::cancelled&) {
        weft::shield s(1h);
        weft::sleep_for(1us);
        weft::group inside;
        inside.spawn([&] {
          weft::yield();
          cleaned = true;
        });
        inside.join();
        throw;
      }
    });
    weft::test::give_way_until([&] { return begun.load(); });
    g.cancel();
    g.join();
    EXPECT_TRUE(cleaned);
  });
}

TEST(shield, cancellation_is_seen_again_after_it) {
  run([] {
    weft::group g;
    g.cancel();
    {
      weft::shield s(1h);
      weft::yield();
    }
    EXPECT_THROW(weft::yield(), weft::cancelled);
  });
}

TEST(shield, a_cancellation_that_comes_meanwhile_waits_outside) {
  run([] {
    weft::group g;
    weft::group* around = &g;
    weft::task<bool> t = g.spawn([around] {
      {
        weft::shield s(1h);
        around->cancel();
        weft::yield();
        weft::sleep_for(1us);
      }
      try {
        weft::yield();
        return false;
      } catch (const weft::cancelled&) {
        return true;
      }
    });
    g.join();
    EXPECT_TRUE(t.get());
  });
}

}  // namespace
