// Faults made on purpose, which exploring must find. What it would not find here it would not find in our own code either.
#include <gtest/gtest.h>

#include <mutex>
#include <stdexcept>

#include <testing/programs.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t enough = 20'000;

// How many schedules it took; throws nothing if the fault was found by an error of the kind.
template <class Error>
std::uint64_t schedules_until(const std::function<void()>& program, bool late_timers = false) {
  std::uint64_t schedules = 0;
  ::testing::internal::CaptureStderr();
  EXPECT_THROW(testing::explore({.schedules = enough, .late_timers = late_timers},
                                [&] {
                                  ++schedules;
                                  program();
                                }),
               Error);
  ::testing::internal::GetCapturedStderr();
  std::printf("found in schedule %llu\n", static_cast<unsigned long long>(schedules));
  return schedules;
}

TEST(seeded_faults, a_counter_that_is_read_and_written_in_two_steps) {
  schedules_until<std::logic_error>([] {
    int counter = 0;
    {
      group g;
      for (int f = 0; f < 2; ++f) {
        g.spawn([&] {
          const int before = counter;
          schedule_point();
          counter = before + 1;
        });
      }
    }
    if (counter != 2) throw std::logic_error("an increment was lost");
  });
}

// A mutex that looks, and only then queues.
class forgetful_mutex {
 public:
  void lock() {
    while (locked_) {
      parker self;  // the owner may unlock before this is queued
      lock_.lock();
      if (waiters_.wait(self, lock_) == wake::cancelled) throw_cancelled();
    }
    locked_ = true;
  }
  void unlock() {
    locked_ = false;
    std::lock_guard guard(lock_);
    waiters_.wake_one();
  }

 private:
  bool locked_ = false;
  wait_queue::lock_type lock_;
  wait_queue waiters_;
};

TEST(seeded_faults, a_wake_lost_between_the_look_and_the_wait) {
  schedules_until<testing::stuck_error>([] {
    forgetful_mutex m;
    group g;
    for (int f = 0; f < 2; ++f) {
      g.spawn([&] {
        std::lock_guard guard(m);
        yield();
      });
    }
  });
}

// A mutex whose waiters, when they are cancelled, keep the wake that was meant for the next.
class greedy_mutex {
 public:
  void lock() {
    for (;;) {
      parker self;
      lock_.lock();
      if (!locked_) {
        locked_ = true;
        return lock_.unlock();
      }
      if (waiters_.wait(self, lock_) == wake::cancelled) throw_cancelled();
      check_cancelled();  // woken, and gone without a word to the next
    }
  }
  void unlock() {
    std::lock_guard guard(lock_);
    locked_ = false;
    waiters_.wake_one();
  }

 private:
  bool locked_ = false;
  wait_queue::lock_type lock_;
  wait_queue waiters_;
};

TEST(seeded_faults, a_wake_kept_by_one_who_is_cancelled) {
  schedules_until<testing::stuck_error>([] {
    greedy_mutex m;
    m.lock();
    group staying;
    group leaving;
    leaving.spawn([&] { std::lock_guard guard(m); });
    staying.spawn([&] { std::lock_guard guard(m); });
    yield();
    m.unlock();
    leaving.cancel();
  });
}

// One flag for two waiters.
TEST(seeded_faults, a_signal_that_wakes_one_of_two) {
  schedules_until<testing::stuck_error>([] {
    wait_queue::lock_type lock;
    wait_queue queue;
    bool ready = false;
    const auto wait = [&] {
      for (;;) {
        parker self;
        lock.lock();
        if (ready) return lock.unlock();
        if (queue.wait(self, lock) == wake::cancelled) throw_cancelled();
      }
    };
    group g;
    g.spawn(wait);
    g.spawn(wait);
    g.spawn([&] {
      std::lock_guard guard(lock);
      ready = true;
      queue.wake_one();
    });
  });
}

TEST(seeded_faults, a_result_that_is_lost_when_the_time_is_up) {
  schedules_until<std::logic_error>(
      [] {
        event ready;
        int sent = 0, received = 0;
        group g;
        g.spawn([&] {
          if (ready.wait_for(1ms)) ++received;  // set at the last moment: nobody looks any more
        });
        g.spawn([&] {
          sleep_for(1ms);
          ++sent;
          ready.set();
        });
        g.join();
        if (sent != received) throw std::logic_error("sent, not received");
      },
      true);
}

}  // namespace
}  // namespace weft
