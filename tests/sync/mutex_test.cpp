// The mutex: exclusion, order, cancellation, and that nobody is left waiting beside a free mutex.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <support.hpp>
#include <sync/lock_support.hpp>
#include <weft/scheduler/caller.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

static_assert(sizeof(mutex) <= 64);

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

TEST(mutex, is_shared_between_fibers_and_threads) {
  mutex m;
  test::count_on_fibers_and_a_thread(
      [&](auto inside) {
        const std::lock_guard guard(m);
        inside();
      },
      test::rounds(3'000));
}

TEST(mutex, works_with_the_deadlock_avoidance_of_the_standard) {
  test::run([] {
    mutex a, b;
    long counter = 0;
    const int each = test::rounds(1'000);
    {
      group g;
      for (int f = 0; f < 6; ++f) {
        g.spawn([&, f] {
          for (int i = 0; i < each; ++i) {
            if (f % 2 == 0) {
              const std::scoped_lock both(a, b);
              ++counter;
            } else {
              std::lock(b, a);
              const std::lock_guard first(b, std::adopt_lock);
              const std::lock_guard second(a, std::adopt_lock);
              ++counter;
            }
          }
        });
      }
    }
    EXPECT_EQ(counter, 6L * each);
  });
}

TEST(mutex, locking_is_a_cancellation_point_only_where_it_waits) {
  test::run([] {
    mutex held, free;
    event begun;
    held.lock();
    std::atomic<int> refused{0};
    {
      group g;
      g.spawn([&] {
        begun.set();
        try {
          sleep_for(1h);
        } catch (const cancelled&) {
          EXPECT_NO_THROW(free.lock());
          free.unlock();
          EXPECT_THROW(held.lock(), cancelled);
          EXPECT_FALSE(held.try_lock());
          refused.fetch_add(1);
        }
      });
      begun.wait();
      g.cancel();
    }
    EXPECT_EQ(refused.load(), 1);
    held.unlock();
    EXPECT_TRUE(held.try_lock()) << "the cancelled lock() has left no trace";
    held.unlock();
  });
}

TEST(mutex, a_second_lock_by_the_holder_is_refused) {
  const auto refused = [] {
    mutex m;
    const std::lock_guard once(m);
    test::expect_error(std::errc::resource_deadlock_would_occur, [&] { m.lock(); });
    EXPECT_FALSE(m.try_lock());
  };
  refused();  // on a thread
  test::run(refused);
}

TEST(mutex, a_task_on_the_stack_of_the_holder_is_refused) {
  weft::run(test::test_options(1), [] {
    mutex m;
    const std::lock_guard held(m);
    group g;  // one worker, so the join runs the task on this stack
    g.spawn([&] { test::expect_error(std::errc::resource_deadlock_would_occur, [&] { m.lock(); }); });
  });
}

TEST(mutex, unlocking_what_nobody_holds_is_refused_and_harmless) {
  mutex m;
  test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); });
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(mutex, unlocking_what_another_holds_is_refused_and_harmless) {
  test::run([] {
    mutex m;
    const std::lock_guard held(m);
    group g;
    const task<void> fiber = g.spawn([&] {
      yield();  // on a stack of its own
      test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); });
    });
    give_way();
    fiber.wait();
    std::thread([&] { test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); }); }).join();
    EXPECT_FALSE(m.try_lock());
  });
}

TEST(mutex, may_be_destroyed_by_whoever_had_it_last) {
  test::run([] {
    for (int i = 0; i < test::rounds(2'000); ++i) {
      auto m = std::make_unique<mutex>();
      std::atomic<int> left{2};
      const auto last_destroys = [&] {
        m->lock();
        const bool last = left.fetch_sub(1) == 1;
        m->unlock();
        if (last) m.reset();
      };
      group g;
      g.spawn(last_destroys);
      last_destroys();
    }
  });
}

// Barging is what makes it fast, and what would starve one who waits: after a millisecond it is handed over.
TEST(mutex, is_handed_over_to_one_who_has_waited_for_long) {
  test::run([] {
    mutex m;
    std::atomic<bool> had_it{false};
    group g;
    m.lock();
    g.spawn([&] {
      const std::lock_guard guard(m);
      had_it.store(true);
    });
    test::give_way_until([&] { return m.statistics().waiters == 1; });
    sleep_for(2ms);  // the patience must run out; nothing is decided by how long this really takes
    m.unlock();
    EXPECT_FALSE(m.try_lock() && !had_it.load()) << "it was free before the one who waited had it";
    g.join();
    EXPECT_EQ(m.statistics().hand_overs, 1U);
    EXPECT_EQ(m.statistics().waiters, 0U);
  });
}

TEST(mutex, nobody_starves_beside_those_who_lock_again_at_once) {
  test::run([] {
    mutex m;
    std::atomic<bool> done{false};
    group g;
    for (int i = 0; i < 2; ++i) {
      g.spawn([&] {
        while (!done.load()) {
          const std::lock_guard guard(m);
          test::spin(500);
        }
      });
    }
    g.spawn([&] {
      for (int i = 0; i < 20; ++i) const std::lock_guard guard(m);
      done.store(true);
    });
  });
}

TEST(timed_mutex, attempts_end_at_their_limit) {
  const auto attempts = [] {
    timed_mutex m;
    EXPECT_TRUE(m.try_lock_for(0s));
    std::thread([&] {
      EXPECT_FALSE(m.try_lock_for(-1s));
      EXPECT_FALSE(m.try_lock_for(1ms));
      EXPECT_FALSE(m.try_lock_until(std::chrono::steady_clock::now() + 1ms));
      EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::now() + 1ms));
    }).join();
    m.unlock();
    std::unique_lock lock(m, std::chrono::hours::max());
    EXPECT_TRUE(lock.owns_lock());
  };
  attempts();
  test::run(attempts);
}

TEST(timed_mutex, an_attempt_gets_what_is_unlocked_in_time) {
  test::run([] {
    timed_mutex m;
    m.lock();
    group g;
    g.spawn([&] {
      EXPECT_TRUE(m.try_lock_for(1h));
      m.unlock();
    });
    test::give_way_until([&] { return m.statistics().waiters == 1; });
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
    {
      group g;
      g.spawn([&] { EXPECT_THROW(with_deadline(1ms, [&] { m.lock(); }), timeout_error); });
      test::give_way_until([&] { return m.statistics().waits == 1; });
    }
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
