// The lock for short sections, and the queue of work that belongs to no worker, which stands on it.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>

namespace weft {
namespace {

using detail::injection_queue;
using detail::spin_lock;

TEST(spin_lock, excludes) {
  spin_lock lock;
  long counter = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < test::rounds(50'000); ++i) {
        std::lock_guard guard(lock);
        ++counter;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(counter, 4L * test::rounds(50'000));
}

TEST(spin_lock, try_lock_says_whether_it_was_free) {
  spin_lock lock;
  EXPECT_TRUE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
  EXPECT_TRUE(lock.try_lock());
}

// A release step frees a lock on another stack than it was taken on, and maybe on another thread.
TEST(spin_lock, may_be_unlocked_by_another_thread) {
  spin_lock lock;
  lock.lock();
  std::thread other([&] { lock.unlock(); });
  lock.lock();
  other.join();
  EXPECT_FALSE(lock.try_lock());
}

struct item {
  int value = 0;
  item* next = nullptr;
};

TEST(injection_queue, is_first_in_first_out_also_for_lists) {
  injection_queue<item> queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.pop(), nullptr);
  std::vector<item> items(5);
  queue.push(&items[0], &items[0], 1);
  items[1].next = &items[2];
  items[2].next = &items[3];
  queue.push(&items[1], &items[3], 3);
  queue.push(&items[4], &items[4], 1);
  EXPECT_FALSE(queue.empty());
  for (item& i : items) EXPECT_EQ(queue.pop(), &i);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.pop(), nullptr);
}

TEST(injection_queue, each_item_is_taken_once) {
  const int count = test::rounds(50'000);
  std::vector<item> items(static_cast<std::size_t>(2 * count));
  std::vector<std::atomic<int>> taken(items.size());
  injection_queue<item> queue;
  std::atomic<int> left{2 * count};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < count; ++i) {
        item& one = items[static_cast<std::size_t>(t) * static_cast<std::size_t>(count) + static_cast<std::size_t>(i)];
        queue.push(&one, &one, 1);
      }
    });
    threads.emplace_back([&] {
      while (left.load() > 0) {
        if (item* one = queue.pop()) {
          taken[static_cast<std::size_t>(one - items.data())].fetch_add(1);
          left.fetch_sub(1);
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (auto& times : taken) ASSERT_EQ(times.load(), 1);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace weft
