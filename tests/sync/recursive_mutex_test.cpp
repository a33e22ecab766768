// The recursive mutex: who owns it, and how often.
#include <gtest/gtest.h>

#include <mutex>

#include <support.hpp>
#include <sync/lock_support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/recursive_mutex.hpp>

namespace weft {
namespace {

TEST(recursive_mutex, is_free_after_as_many_unlocks_as_locks) {
  test::run([] {
    recursive_mutex m;
    const auto is_free = [&] {
      bool free = false;
      std::thread([&] {
        free = m.try_lock();
        if (free) m.unlock();
      }).join();
      return free;
    };
    m.lock();
    EXPECT_TRUE(m.try_lock());
    m.lock();
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(is_free());
      m.unlock();
    }
    EXPECT_TRUE(is_free());
  });
}

TEST(recursive_mutex, is_shared_between_fibers_and_threads) {
  recursive_mutex m;
  test::count_on_fibers_and_a_thread(
      [&](auto inside) {
        const std::scoped_lock outer(m);
        const std::lock_guard inner(m);
        inside();
      },
      test::rounds(2'000));
}

TEST(recursive_mutex, is_kept_across_switches_and_workers) {
  test::run([] {
    recursive_mutex m;
    int inside = 0;
    group g;
    for (int f = 0; f < 20; ++f) {
      g.spawn([&] {
        for (int i = 0; i < test::rounds(50); ++i) {
          const std::lock_guard outer(m);
          EXPECT_EQ(++inside, 1);
          yield();
          const std::lock_guard inner(m);
          yield_after_slice();
          EXPECT_EQ(--inside, 0);
        }
      });
    }
  });
}

TEST(recursive_mutex, unlocking_what_one_does_not_own_is_refused) {
  recursive_mutex m;
  test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); });
  m.lock();
  std::thread([&] { test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); }); }).join();
  m.unlock();
}

// The same fiber, but another task: it must not enter.
TEST(recursive_mutex, a_task_on_the_stack_of_the_owner_does_not_own_it) {
  weft::run(test::test_options(1), [] {
    recursive_mutex m;
    const std::lock_guard held(m);
    group g;
    g.spawn([&] {
      EXPECT_FALSE(m.try_lock());
      test::expect_error(std::errc::resource_deadlock_would_occur, [&] { m.lock(); });
    });
  });
}

}  // namespace
}  // namespace weft
