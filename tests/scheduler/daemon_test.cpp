#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace {

using namespace std::chrono_literals;
using weft::test::run;

TEST(daemon, is_cancelled_when_the_other_tasks_are_done) {
  run([] {
    std::atomic<int> done = 0;
    bool ended = false;
    weft::group g;
    weft::task<void> helper = g.spawn_daemon([&] {
      try {
        for (;;) weft::sleep_for(1h);
      } catch (const weft::cancelled&) {
        EXPECT_EQ(done.load(), 10);
        ended = true;
        throw;
      }
    });
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        weft::yield();
        ++done;
      });
    }
    weft::yield();
    while (done.load() < 10) weft::yield();
    g.join();
    EXPECT_TRUE(ended || !helper.valid() || helper.done());
    EXPECT_THROW(helper.get(), weft::cancelled);
  });
}

TEST(daemon, its_failure_is_the_groups) {
  run([] {
    weft::group g;
    g.spawn_daemon([] { throw std::runtime_error("helper"); });
    g.spawn([] { weft::sleep_for(1h); });
    try {
      g.join();
      FAIL() << "nothing was thrown";
    } catch (const weft::group_error& e) {
      ASSERT_NE(e.find<std::runtime_error>(), nullptr);
    }
  });
}

TEST(daemon, may_spawn_into_its_group) {
  run([] {
    std::atomic<int> ran = 0;
    {
      weft::group g;
      g.spawn_daemon([&] {
        for (int i = 0; i < 100; ++i) {
          g.spawn([&] { ++ran; });
          weft::yield();
        }
      });
      while (ran.load() < 50) weft::yield();
    }
    EXPECT_GE(ran.load(), 50);
  });
}

TEST(daemon, a_group_of_daemons_alone_ends) {
  run([] {
    for (int i = 0; i < 100; ++i) {
      weft::group g;
      for (int k = 0; k < 5; ++k) g.spawn_daemon([] { weft::sleep_for(1h); });
      if (i % 2 == 0) weft::yield();
    }
  });
}

}  // namespace
