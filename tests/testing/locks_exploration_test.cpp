// The locks and semaphores under many schedules each, with cancellations and time limits at every instant. Each schedule ends: a wake that is lost would be a
// deadlock, which explore() reports. WEFT_TESTING_LONG in the environment makes it ten times as many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <shared_mutex>

#include <testing/programs.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/sync.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

void explore(std::uint64_t schedules, const std::function<void()>& f, bool late_timers = false) {
  test::explore(std::getenv("WEFT_TESTING_LONG") != nullptr ? schedules * 10 : schedules, f, late_timers);
}

// Some that stay and some that are cancelled somewhere in what they do.
template <class Staying, class Leaving>
void stay_and_leave(Staying stay, Leaving leave) {
  group staying;
  group leaving;
  for (int i = 0; i < 2; ++i) {
    leaving.spawn(leave);
    staying.spawn(stay);
  }
  schedule_point();
  schedule_point();
  leaving.cancel();
}

// Inside at a time are as many as may be.
class counted {
 public:
  explicit counted(int& inside, int most = 1) : inside_(inside) { EXPECT_LE(++inside_, most); }
  ~counted() { --inside_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

 private:
  int& inside_;
};

TEST(exploration, a_mutex_excludes_and_strands_nobody_when_some_leave) {
  explore(20'000, [] {
    mutex m;
    int inside = 0, stayed = 0;
    stay_and_leave(
        [&] {
          for (int i = 0; i < 2; ++i) {
            const std::lock_guard guard(m);
            const counted here(inside);
            schedule_point();
            ++stayed;
          }
        },
        [&] {
          for (int i = 0; i < 3; ++i) {
            const std::lock_guard guard(m);
            const counted here(inside);
            yield();
          }
        });
    EXPECT_EQ(stayed, 4);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

// Time passes only when all wait, so who sleeps with the mutex makes the others starve: it is handed over, to some who leave just then.
TEST(exploration, a_mutex_that_is_handed_over_reaches_somebody) {
  std::uint64_t handed_over = 0;
  explore(
      15'000,
      [&] {
        timed_mutex m;
        int inside = 0;
        const auto slow = [&] {
          for (int i = 0; i < 2; ++i) {
            const std::lock_guard guard(m);
            const counted here(inside);
            sleep_for(1ms);
          }
        };
        stay_and_leave(slow, [&] {
          if (m.try_lock_for(1500us)) {
            const std::lock_guard guard(m, std::adopt_lock);
            const counted here(inside);
            sleep_for(1ms);
          }
          slow();
        });
        handed_over += m.statistics().hand_overs;
        EXPECT_TRUE(m.try_lock());
        m.unlock();
      },
      true);
  EXPECT_GT(handed_over, 0U);
}

TEST(exploration, a_shared_mutex_keeps_writers_alone_and_strands_nobody) {
  explore(20'000, [] {
    shared_mutex m;
    int readers = 0, writers = 0, done = 0;
    const auto read = [&] {
      const std::shared_lock guard(m);
      ++readers;
      EXPECT_EQ(writers, 0);
      schedule_point();
      --readers;
      ++done;
    };
    const auto write = [&] {
      const std::lock_guard guard(m);
      EXPECT_EQ(readers, 0);
      const counted here(writers);
      schedule_point();
      ++done;
    };
    const auto both = [&] {
      read();
      write();
    };
    stay_and_leave(both, [&] {
      write();
      read();
    });
    EXPECT_GE(done, 4);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST(exploration, a_semaphore_conserves_its_permits) {
  explore(
      20'000,
      [] {
        counting_semaphore<> s(1);
        int inside = 0, stayed = 0;
        const auto use = [&] {
          const counted here(inside);
          schedule_point();
        };
        stay_and_leave(
            [&] {
              s.acquire();
              use();
              s.release();
              if (s.try_acquire_for(1ms)) {
                use();
                s.release();
              }
              ++stayed;
            },
            [&] {
              s.acquire();
              use();
              s.release();
              s.acquire();
              s.release();
            });
        EXPECT_EQ(stayed, 2);
        EXPECT_EQ(s.statistics().available, 1);
      },
      true);
}

// As many notifications as items, and nobody looks again by himself.
TEST(exploration, a_condition_variable_loses_no_notification_to_who_leaves) {
  explore(20'000, [] {
    mutex m;
    condition_variable c;
    int items = 0, taken = 0;
    const auto take = [&] {
      std::unique_lock lock(m);
      while (items == 0) c.wait(lock);
      --items;
      ++taken;
    };
    {
      group staying;
      {
        group leaving;
        leaving.spawn(take);
        staying.spawn(take);
        staying.spawn([&] {
          for (int i = 0; i < 2; ++i) {
            {
              const std::lock_guard guard(m);
              ++items;
            }
            c.notify_one();
          }
        });
        schedule_point();
        leaving.cancel();
      }
    }
    EXPECT_EQ(items + taken, 2);
    EXPECT_GE(taken, 1);
    EXPECT_EQ(c.statistics().waiters, 0U);
  });
}

TEST(exploration, a_condition_variable_with_limits_has_the_lock_again) {
  explore(
      5'000,
      [] {
        mutex m;
        condition_variable_any c;
        int inside = 0;
        bool ready = false;
        stay_and_leave(
            [&] {
              std::unique_lock lock(m);
              (void)c.wait_for(lock, 1ms, [&] { return ready; });
              const counted here(inside);
              schedule_point();
              ready = true;
              c.notify_all();
            },
            [&] {
              std::unique_lock lock(m);
              try {
                c.wait(lock);
              } catch (const cancelled&) {
                const counted here(inside);
                schedule_point();
              }
            });
      },
      true);
}

TEST(exploration, a_call_once_that_fails_passes_the_right_on) {
  explore(5'000, [] {
    once_flag flag;
    int calls = 0;
    bool done = false;
    stay_and_leave(
        [&] {
          call_once(flag, [&] {
            yield();
            ++calls;
            done = true;
          });
          EXPECT_TRUE(done);
        },
        [&] { call_once(flag, [&] { sleep_for(1h); }); });
    EXPECT_EQ(calls, 1);
  });
}

TEST(exploration, a_barrier_and_a_latch_let_all_pass) {
  explore(5'000, [] {
    barrier<> b(3);
    latch l(3);
    int arrived = 0;
    group g;
    for (int i = 0; i < 3; ++i) {
      g.spawn([&] {
        ++arrived;
        b.arrive_and_wait();
        EXPECT_EQ(arrived, 3);
        l.arrive_and_wait();
        b.arrive_and_drop();
      });
    }
  });
}

TEST(exploration, an_auto_reset_event_lets_one_pass_for_each_set) {
  explore(5'000, [] {
    auto_reset_event e;
    int passed = 0;
    {
      group staying;
      {
        group leaving;
        leaving.spawn([&] {
          e.wait();
          e.set();  // passes it on
        });
        staying.spawn([&] {
          e.wait();
          ++passed;
        });
        staying.spawn([&] { e.set(); });
        schedule_point();
        leaving.cancel();
      }
    }
    EXPECT_EQ(passed, 1);
    EXPECT_FALSE(e.statistics().set);
  });
}

}  // namespace
}  // namespace weft
