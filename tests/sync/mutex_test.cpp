// The mutex: exclusion, order, cancellation, and that nobody is left waiting beside a free mutex.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/sync/mutex.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(mutex, try_lock_says_whether_it_was_free) {
  mutex m;
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(m.try_lock());
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(mutex, works_with_the_guards_of_the_standard) {
  test::run([] {
    mutex a, b;
    {
      std::lock_guard guard(a);
    }
    {
      std::unique_lock guard(a, std::try_to_lock);
      EXPECT_TRUE(guard.owns_lock());
    }
    {
      std::scoped_lock guard(a, b);
    }
    EXPECT_TRUE(a.try_lock());
    a.unlock();
  });
}

TEST(mutex, excludes_also_across_switches_and_workers) {
  test::run([] {
    mutex m;
    long counter = 0;
    {
      group g;
      for (int f = 0; f < 100; ++f) {
        g.spawn([&, f] {
          for (int i = 0; i < test::rounds(200); ++i) {
            std::lock_guard guard(m);
            const long before = counter;
            if ((i + f) % 7 == 0) yield();
            if ((i + f) % 31 == 0) yield_after_slice();
            counter = before + 1;
          }
        });
      }
    }
    EXPECT_EQ(counter, 100L * test::rounds(200));
  });
}

TEST(mutex, serves_those_who_wait_in_their_order) {
  weft::run(test::test_options(1), [] {
    mutex m;
    std::vector<int> order;
    int waiting = 0;
    m.lock();
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&, i] {
        ++waiting;
        std::lock_guard guard(m);
        order.push_back(i);
      });
      test::give_way_until([&] { return waiting == i + 1; });
    }
    m.unlock();
    g.join();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  });
}

TEST(mutex, may_be_unlocked_by_another_fiber) {
  test::run([] {
    mutex m;
    m.lock();
    group g;
    g.spawn([&] { m.unlock(); });
    m.lock();
    m.unlock();
  });
}

TEST(mutex, locking_is_a_cancellation_point_only_where_it_waits) {
  test::run([] {
    mutex m;
    group g;
    g.cancel();
    EXPECT_NO_THROW(m.lock());
    EXPECT_THROW(m.lock(), cancelled);
    EXPECT_FALSE(m.try_lock());
    m.unlock();
    EXPECT_TRUE(m.try_lock()) << "the cancelled lock() has left no trace";
    m.unlock();
  });
}

TEST(mutex, a_cancelled_waiter_does_not_hold_it_and_the_next_gets_it) {
  test::run([] {
    mutex m;
    std::atomic<int> waiting{0};
    std::atomic<bool> was_cancelled{false};
    std::atomic<bool> locked{false};
    m.lock();
    group second;
    {
      group first;
      first.spawn([&] {
        waiting.fetch_add(1);
        try {
          m.lock();
          ADD_FAILURE();
        } catch (const cancelled&) {
          was_cancelled.store(true);
        }
      });
      test::give_way_until([&] { return waiting.load() == 1; });
      second.spawn([&] {
        waiting.fetch_add(1);
        std::lock_guard guard(m);
        locked.store(true);
      });
      test::give_way_until([&] { return waiting.load() == 2; });
      for (int i = 0; i < 50; ++i) yield();
      first.cancel();
    }
    EXPECT_TRUE(was_cancelled.load());
    EXPECT_FALSE(locked.load());
    m.unlock();
    second.join();
    EXPECT_TRUE(locked.load());
  });
}

TEST(mutex, a_deadline_ends_the_wait_for_it) {
  test::run([] {
    mutex m;
    m.lock();
    EXPECT_THROW(with_deadline(1ms, [&] { m.lock(); }), timeout_error);
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

// Waiters that are cancelled just when they are woken must pass the wake on.
TEST(mutex, cancelled_waiters_strand_nobody) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(500); ++round) {
      mutex m;
      long inside = 0;
      std::atomic<long> locked{0};
      group staying;
      {
        group leaving;
        for (int i = 0; i < 6; ++i) {
          const bool stays = i % 2 == 0;
          (stays ? staying : leaving).spawn([&, stays, mine = random.split()]() mutable {
            try {
              for (int k = 0; k < 10; ++k) {
                std::lock_guard guard(m);
                EXPECT_EQ(++inside, 1);
                if (mine.one_in(3)) {
                  shield s(1h);
                  yield();
                }
                test::spin(mine.below(200));
                --inside;
                locked.fetch_add(1);
              }
            } catch (const cancelled&) {
              EXPECT_FALSE(stays);
            }
          });
        }
        for (std::uint32_t n = random.below(12); n > 0; --n) yield();
        test::spin(random.below(2'000));
        leaving.cancel();
      }
      staying.join();
      EXPECT_GE(locked.load(), 30);
      EXPECT_TRUE(m.try_lock());
      m.unlock();
    }
  });
}

}  // namespace
}  // namespace weft
