// The queue under all primitives: order of arrival, and leaving it by cancellation or time.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// A counting semaphore, the smallest thing that can be built on the queue.
class semaphore {
 public:
  explicit semaphore(int n) : free_(n) {}

  wake acquire(parker::time_point limit = parker::time_point::max()) {
    parker self;
    lock_.lock();
    if (free_ > 0) {
      --free_;
      lock_.unlock();
      return wake::signalled;
    }
    return waiters_.wait(self, lock_, limit);  // who wakes us hands its unit over
  }
  void release() {
    std::lock_guard guard(lock_);
    if (!waiters_.wake_one()) ++free_;
  }
  std::size_t release_all() {
    std::lock_guard guard(lock_);
    return waiters_.wake_all();
  }
  bool nobody_waits() {
    std::lock_guard guard(lock_);
    return waiters_.empty();
  }
  int free_units() {
    std::lock_guard guard(lock_);
    return free_;
  }

 private:
  wait_queue::lock_type lock_;
  wait_queue waiters_;
  int free_;
};

TEST(wait_queue, is_empty_at_first) {
  semaphore s(0);
  EXPECT_TRUE(s.nobody_waits());
  EXPECT_EQ(s.release_all(), 0U);
}

TEST(wait_queue, wakes_in_the_order_of_arrival) {
  weft::run(test::test_options(1), [] {
    semaphore s(0);
    std::vector<int> order;
    int waiting = 0;
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&, i] {
        ++waiting;
        EXPECT_EQ(s.acquire(), wake::signalled);
        order.push_back(i);
      });
      test::give_way_until([&] { return waiting == i + 1; });
    }
    for (int i = 0; i < 10; ++i) {
      s.release();
      while (order.size() <= static_cast<std::size_t>(i)) yield();
    }
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  });
}

TEST(wait_queue, wake_all_wakes_all_and_says_how_many) {
  test::run([] {
    semaphore s(0);
    std::atomic<int> woken{0};
    group g;
    std::atomic<int> begun{0};
    for (int i = 0; i < 100; ++i) {
      g.spawn([&] {
        begun.fetch_add(1);
        EXPECT_EQ(s.acquire(), wake::signalled);
        woken.fetch_add(1);
      });
    }
    std::size_t total = 0;
    while (total < 100) {
      total += s.release_all();
      yield();
    }
    g.join();
    EXPECT_EQ(total, 100U);
    EXPECT_EQ(woken.load(), 100);
    EXPECT_TRUE(s.nobody_waits());
  });
}

TEST(wait_queue, who_leaves_by_time_or_cancellation_is_out_of_it) {
  test::run([] {
    semaphore s(0);
    EXPECT_EQ(s.acquire(std::chrono::steady_clock::now() + 100us), wake::timed_out);
    EXPECT_TRUE(s.nobody_waits());
    wake why{};
    std::atomic<bool> begun{false};
    group g;
    g.spawn([&] {
      begun.store(true);
      try {
        why = s.acquire();
      } catch (const cancelled&) {  // came before the wait
        why = wake::cancelled;
      }
    });
    test::give_way_until([&] { return begun.load(); });
    for (int i = 0; i < 50; ++i) yield();
    g.cancel();
    g.join();
    EXPECT_EQ(why, wake::cancelled);
    EXPECT_TRUE(s.nobody_waits());
  });
}

// The units handed out and given back must add up, whoever leaves when.
TEST(wait_queue, no_unit_is_lost_to_who_leaves) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(300); ++round) {
      semaphore s(2);
      group staying;
      {
        group leaving;
        for (int i = 0; i < 8; ++i) {
          (i % 2 == 0 ? staying : leaving).spawn([&s, mine = random.split()]() mutable {
            for (int k = 0; k < 10; ++k) {
              const auto limit = mine.one_in(3)
                                     ? std::chrono::steady_clock::now() + std::chrono::microseconds(mine.below(20))
                                     : parker::time_point::max();
              const wake why = s.acquire(limit);
              if (why == wake::cancelled) throw_cancelled();
              if (why != wake::signalled) continue;
              test::spin(mine.below(500));
              s.release();
            }
          });
        }
        for (std::uint32_t n = random.below(12); n > 0; --n) yield();
        leaving.cancel();
      }
      staying.join();
      EXPECT_TRUE(s.nobody_waits());
      EXPECT_EQ(s.free_units(), 2);
    }
  });
}

}  // namespace
}  // namespace weft
