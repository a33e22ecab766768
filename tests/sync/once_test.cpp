// call_once: once, seen by all, and again after a failure.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include <support.hpp>
#include <sync/lock_support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/once.hpp>

namespace weft {
namespace {

TEST(once, calls_once_and_all_see_what_was_done) {
  for (int round = 0; round < test::rounds(200); ++round) {
    once_flag flag;
    int value = 0;
    const auto get = [&] {
      call_once(
          flag,
          [&](int v) {
            if (in_fiber()) yield();
            value += v;
          },
          7);
      EXPECT_EQ(value, 7);
    };
    std::thread thread(get);
    test::run([&] {
      group g;
      for (int i = 0; i < 10; ++i) g.spawn(get);
    });
    thread.join();
    EXPECT_TRUE(flag.statistics().done);
  }
}

TEST(once, an_exception_passes_the_right_on) {
  test::run([] {
    once_flag flag;
    std::atomic<int> calls{0}, thrown{0};
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&] {
        try {
          call_once(flag, [&] {
            const int mine = calls.fetch_add(1);
            yield();
            if (mine < 3) throw std::runtime_error("not yet");
          });
        } catch (const std::runtime_error&) {
          thrown.fetch_add(1);
        }
      });
    }
    g.join();
    EXPECT_EQ(calls.load(), 4);
    EXPECT_EQ(thrown.load(), 3);
  });
}

TEST(once, a_cancelled_call_passes_the_right_on) {
  test::run([] {
    once_flag flag;
    event begun, never;
    std::atomic<bool> done{false};
    group staying;
    {
      group leaving;
      leaving.spawn([&] {
        call_once(flag, [&] {
          begun.set();
          never.wait();
        });
      });
      begun.wait();
      staying.spawn([&] { call_once(flag, [&] { done.store(true); }); });
      leaving.spawn([&] { call_once(flag, [&] { ADD_FAILURE(); }); });
      test::give_way_until([&] { return flag.statistics().waiters == 2; });
      leaving.cancel();
    }
    staying.join();
    EXPECT_TRUE(done.load());
  });
}

TEST(once, a_call_from_within_is_refused) {
  const auto calls = [] {
    once_flag flag;
    call_once(flag,
              [&] { test::expect_error(std::errc::resource_deadlock_would_occur, [&] { call_once(flag, [] {}); }); });
  };
  calls();
  test::run(calls);
}

}  // namespace
}  // namespace weft
