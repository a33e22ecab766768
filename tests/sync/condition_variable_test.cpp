// Condition variables: no notification is lost, also not to those who are cancelled, and the lock is held again whatever happens.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>

#include <support.hpp>
#include <sync/lock_support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/shared_mutex.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(condition_variable, passes_items_from_fibers_and_threads_to_both) {
  mutex m;
  condition_variable not_empty;
  std::deque<int> items;
  std::atomic<long> sum{0};
  const int each = test::rounds(2'000);
  const auto produce = [&] {
    for (int i = 1; i <= each; ++i) {
      {
        const std::lock_guard guard(m);
        items.push_back(i);
      }
      not_empty.notify_one();
    }
  };
  const auto consume = [&] {
    for (int i = 0; i < each; ++i) {
      std::unique_lock lock(m);
      not_empty.wait(lock, [&] { return !items.empty(); });
      sum.fetch_add(items.front());
      items.pop_front();
    }
  };
  std::thread producer(produce);
  std::thread consumer(consume);
  test::run([&] {
    group g;
    for (int i = 0; i < 3; ++i) {
      g.spawn(produce);
      g.spawn(consume);
    }
  });
  producer.join();
  consumer.join();
  EXPECT_EQ(sum.load(), 4L * each * (each + 1) / 2);
}

TEST(condition_variable, notify_all_wakes_all_and_notify_one_the_first) {
  weft::run(test::test_options(1), [] {
    mutex m;
    condition_variable changed;
    std::string woken;
    group g;
    for (std::size_t i = 0; i < 4; ++i) {
      g.spawn([&, i] {
        std::unique_lock lock(m);
        changed.wait(lock);
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_FALSE(m.try_lock());
        woken += static_cast<char>('a' + i);
      });
      test::give_way_until([&] { return changed.statistics().waiters == i + 1; });
    }
    changed.notify_one();
    test::give_way_until([&] { return woken.size() == 1; });
    EXPECT_EQ(woken, "a");
    changed.notify_all();
    g.join();
    EXPECT_EQ(woken.size(), 4U);
    changed.notify_one();  // nobody
  });
}

TEST(condition_variable, waits_have_limits) {
  const auto waits = [] {
    mutex m;
    condition_variable never;
    std::unique_lock lock(m);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(never.wait_for(lock, 1ms), std::cv_status::timeout);
    EXPECT_EQ(never.wait_until(lock, begin), std::cv_status::timeout);
    EXPECT_FALSE(never.wait_for(lock, 1ms, [] { return false; }));
    EXPECT_TRUE(never.wait_for(lock, 0ms, [] { return true; }));
    EXPECT_FALSE(never.wait_until(lock, std::chrono::system_clock::now() + 1ms, [] { return false; }));
    EXPECT_GE(std::chrono::steady_clock::now(), begin + 2ms);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_EQ(never.statistics().waiters, 0U);
  };
  waits();
  test::run(waits);
}

TEST(condition_variable, a_cancelled_wait_holds_the_mutex_when_it_throws) {
  test::run([] {
    mutex m;
    condition_variable never;
    bool inside = false;
    {
      group g;
      for (int i = 0; i < 3; ++i) {
        g.spawn([&] {
          std::unique_lock lock(m);
          try {
            never.wait(lock);
            ADD_FAILURE();
          } catch (const cancelled&) {
            EXPECT_TRUE(lock.owns_lock());
            EXPECT_FALSE(std::exchange(inside, true));
            test::spin(1'000);
            inside = false;
          }
        });
      }
      test::give_way_until([&] { return never.statistics().waiters == 3; });
      m.lock();  // so that they have to wait for it
      g.cancel();
      for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(inside);
        test::spin(1'000);
      }
      m.unlock();
    }
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST(condition_variable, waiting_is_a_cancellation_point_on_entry) {
  test::run([] {
    mutex m;
    condition_variable c;
    group g;
    g.cancel();
    std::unique_lock lock(m);
    EXPECT_THROW(c.wait(lock), cancelled);
    EXPECT_THROW(c.wait(lock, [] { return false; }), cancelled);
    EXPECT_NO_THROW(c.wait(lock, [] { return true; }));
    EXPECT_TRUE(lock.owns_lock());
  });
}

TEST(condition_variable, waiting_without_the_mutex_is_refused) {
  mutex m;
  condition_variable c;
  std::unique_lock lock(m, std::defer_lock);
  test::expect_error(std::errc::operation_not_permitted, [&] { c.wait(lock); });
}

TEST(condition_variable, may_be_destroyed_once_all_are_notified) {
  test::run([] {
    for (int i = 0; i < test::rounds(1'000); ++i) {
      mutex m;
      bool gone = false;
      auto c = std::make_unique<condition_variable>();
      group g;
      for (int f = 0; f < 2; ++f) {
        g.spawn([&] {
          std::unique_lock lock(m);
          while (!gone) c->wait(lock);
        });
      }
      const std::lock_guard guard(m);
      gone = true;
      c->notify_all();
      c.reset();
    }
  });
}

// As many notifications as items; whoever is cancelled after it was notified takes its item first.
TEST(condition_variable, no_notification_is_lost_to_who_leaves) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(500); ++round) {
      mutex m;
      condition_variable c;
      int items = 0, taken = 0;
      group staying;
      {
        group leaving;
        for (int i = 0; i < 4; ++i) {
          leaving.spawn([&] {
            std::unique_lock lock(m);
            while (items == 0) c.wait(lock);
            --items;
            ++taken;
          });
        }
        staying.spawn([&] {
          for (;;) {
            std::unique_lock lock(m);
            c.wait(lock, [&] { return items > 0 || taken == 4; });
            if (items == 0) break;
            --items;
            ++taken;
          }
        });
        staying.spawn([&] {
          for (int i = 0; i < 4; ++i) {
            {
              const std::lock_guard guard(m);
              ++items;
            }
            c.notify_one();
            yield();
          }
        });
        for (std::uint32_t n = random.below(8); n > 0; --n) yield();
        leaving.cancel();
      }
      {
        const std::lock_guard guard(m);
        c.notify_all();
      }
      staying.join();
      EXPECT_EQ(items, 0);
      EXPECT_EQ(taken, 4);
    }
  });
}

TEST(condition_variable_any, works_with_any_lock) {
  test::run([] {
    shared_mutex m;
    condition_variable_any c;
    bool set = false;
    group g;
    for (int i = 0; i < 4; ++i) {
      g.spawn([&] {
        std::shared_lock lock(m);
        c.wait(lock, [&] { return set; });
        EXPECT_TRUE(lock.owns_lock());
      });
      g.spawn([&] {
        const std::lock_guard guard(m);
        c.wait(m, [&] { return set; });
      });
    }
    {
      const std::lock_guard guard(m);
      set = true;
    }
    c.notify_all();
    g.join();
    const std::lock_guard guard(m);
    EXPECT_EQ(c.wait_for(m, 100us), std::cv_status::timeout);
    EXPECT_FALSE(c.wait_until(m, std::chrono::steady_clock::now(), [] { return false; }));
  });
}

TEST(condition_variable_any, a_cancelled_wait_holds_the_lock_when_it_throws) {
  test::run([] {
    mutex m;
    condition_variable_any never;
    group g;
    g.spawn([&] {
      std::unique_lock lock(m);
      EXPECT_THROW(never.wait(lock), cancelled);
      EXPECT_TRUE(lock.owns_lock());
    });
    test::give_way_until([&] { return never.statistics().waiters == 1; });
    m.lock();
    g.cancel();
    test::spin(10'000);
    m.unlock();
  });
}

TEST(condition_variable_any, an_unlock_that_throws_leaves_nobody_behind) {
  mutex m;
  condition_variable_any c;
  std::unique_lock lock(m, std::defer_lock);
  EXPECT_THROW(c.wait(lock), std::system_error);
  EXPECT_EQ(c.statistics().waiters, 0U);
}

}  // namespace
}  // namespace weft
