// The primitives under many schedules each, cancelled at every instant. A wake that is lost is a deadlock, which explore() reports.
#include <gtest/gtest.h>

#include <mutex>
#include <vector>

#include <testing/programs.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(exploration, a_mutex_excludes) {
  test::explore(10'000, [] {
    mutex m;
    int inside = 0, total = 0;
    {
      group g;
      for (int f = 0; f < 3; ++f) {
        g.spawn([&] {
          for (int i = 0; i < 2; ++i) {
            std::lock_guard guard(m);
            EXPECT_EQ(++inside, 1);
            schedule_point();
            --inside;
            ++total;
          }
        });
      }
    }
    EXPECT_EQ(total, 6);
  });
}

// Those who are cancelled pass the wake on, and do not hold the mutex.
TEST(exploration, a_mutex_survives_cancellation_at_every_instant) {
  test::explore(15'000, [] {
    mutex m;
    int inside = 0, stayed = 0;
    {
      group staying;
      group leaving;
      for (int f = 0; f < 2; ++f) {
        leaving.spawn([&] {
          for (;;) {
            std::lock_guard guard(m);
            EXPECT_EQ(++inside, 1);
            schedule_point();
            --inside;
            check_cancelled();
          }
        });
        staying.spawn([&] {
          std::lock_guard guard(m);
          EXPECT_EQ(++inside, 1);
          schedule_point();
          --inside;
          ++stayed;
        });
      }
      staying.join();
      leaving.cancel();
    }
    EXPECT_EQ(stayed, 2);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST(exploration, an_event_wakes_all_whenever_it_is_set) {
  test::explore(10'000, [] {
    event e;
    int passed = 0;
    {
      group g;
      for (int f = 0; f < 3; ++f) {
        g.spawn([&] {
          e.wait();
          ++passed;
        });
      }
      g.spawn([&] { e.set(); });
    }
    EXPECT_EQ(passed, 3);
  });
}

TEST(exploration, a_limit_at_the_moment_of_the_event_loses_nothing) {
  test::explore(
      10'000,
      [] {
        event e;
        group g;
        g.spawn([&] {
          if (!e.wait_for(1ms)) e.wait();
          EXPECT_TRUE(e.is_set());
        });
        g.spawn([&] {
          sleep_for(1ms);
          e.set();
        });
      },
      true);
}

// One waiter is cancelled, one limited, one stays: each wake goes to somebody who is still there.
TEST(exploration, a_wait_queue_loses_no_wake) {
  test::explore(
      15'000,
      [] {
        wait_queue::lock_type lock;
        wait_queue queue;
        int tokens = 0, taken = 0;
        const auto take = [&](parker::time_point limit) {
          for (;;) {
            parker self;
            lock.lock();
            if (tokens > 0) {
              --tokens;
              ++taken;
              return lock.unlock();
            }
            const wake why = queue.wait(self, lock, limit);
            if (why == wake::cancelled) throw_cancelled();
            if (why == wake::timed_out) return;
          }
        };
        const auto put = [&] {
          {
            std::lock_guard guard(lock);
            ++tokens;
            queue.wake_one();
          }
          schedule_point();
        };
        group g;
        {
          group leaving;
          leaving.spawn([&] { take(parker::time_point::max()); });
          g.spawn([&] { take(parker::from_now(1ms)); });
          g.spawn([&] { take(parker::time_point::max()); });
          g.spawn([&] {
            put();
            put();
          });
          schedule_point();
          leaving.cancel();
        }
        put();
        g.join();
        EXPECT_EQ(tokens + taken, 3);
        EXPECT_TRUE(queue.empty());
      },
      true);
}

TEST(exploration, a_group_waits_for_all_whoever_spawns) {
  test::explore(10'000, [] {
    int done = 0;
    {
      group g;
      g.spawn([&] {
        g.spawn([&] {
          yield();
          ++done;
        });
        ++done;
      });
      g.spawn([&] { ++done; });
      g.spawn_daemon([] { sleep_for(1h); });
      auto t = g.spawn([&] { return ++done; });
      EXPECT_GT(t.get(), 0);
    }
    EXPECT_EQ(done, 4);
  });
}

TEST(exploration, a_failure_reaches_everybody_and_is_reported_once) {
  test::explore(10'000, [] {
    group outer(supervise);
    outer.spawn([] {
      group g;
      g.spawn([] { throw std::domain_error("it"); });
      g.spawn([] { sleep_for(1h); });
      event never;
      never.wait();
    });
    try {
      outer.join();
      ADD_FAILURE() << "the failure is lost";
    } catch (const group_error& e) {
      EXPECT_EQ(e.failures().size(), 1U);
    }
  });
}

TEST(exploration, a_cancelled_tree_ends_at_every_instant) {
  test::explore(15'000, [] {
    int ended = 0;
    struct counts {
      int& n;
      ~counts() { ++n; }
    };
    int begun = 0;
    {
      group top;
      for (int i = 0; i < 2; ++i) {
        top.spawn([&] {
          ++begun;
          counts c{ended};
          deadline d(1h);
          group g;
          g.spawn([&] {
            ++begun;
            counts inner{ended};
            parker self;
            if (self.park() == wake::cancelled) throw_cancelled();
          });
          auto t = g.spawn([] { sleep_for(1h); });
          t.wait();
        });
      }
      schedule_point();
      yield();
      top.cancel();
    }
    EXPECT_EQ(begun, ended);
  });
}

// A signal and a cancellation compete: exactly one of them ends the wait.
TEST(exploration, a_wait_ends_once) {
  test::explore(10'000, [] {
    ticket waiting;
    bool won = false;
    wake why{};
    group outside;
    {
      group g;
      g.spawn([&] {
        parker self;
        waiting = self.id();
        why = self.park_until(parker::from_now(1h), [] {});
      });
      outside.spawn([&] {
        while (!waiting) yield();
        won = waiting.signal();
      });
      while (!waiting) yield();
      schedule_point();
      g.cancel();
    }
    outside.join();
    EXPECT_EQ(won, why == wake::signalled);
  });
}

TEST(exploration, a_deadline_passes_at_every_instant) {
  test::explore(
      10'000,
      [] {
        mutex m;
        group g;
        g.spawn([&] {
          std::lock_guard guard(m);
          yield();
        });
        try {
          with_deadline(1ms, [&] {
            std::lock_guard guard(m);
            group inner;
            inner.spawn([] { sleep_for(500us); });
            inner.join();
            with_deadline(1h, [] { yield(); });
          });
        } catch (const timeout_error&) {
        }
        g.join();
        EXPECT_TRUE(m.try_lock());
        m.unlock();
      },
      true);
}

TEST(exploration, a_shield_lets_cleanup_end_at_every_instant) {
  test::explore(10'000, [] {
    bool begun = false, cleaned = false;
    mutex m;
    {
      group g;
      g.spawn([&] {
        struct cleanup {
          mutex& m;
          bool& done;
          ~cleanup() {
            shield s(1h);
            std::lock_guard guard(m);
            sleep_for(1ms);
            done = true;
          }
        } c{m, cleaned};
        begun = true;
        sleep_for(1h);
      });
      {
        std::lock_guard guard(m);
        schedule_point();
        g.cancel();
        schedule_point();
      }
    }
    EXPECT_EQ(begun, cleaned);
  });
}

}  // namespace
}  // namespace weft
