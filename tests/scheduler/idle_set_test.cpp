// Who sleeps, who searches, and that no push of work goes unseen by both.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/fences.hpp>
#include <weft/scheduler/detail/futex_driver.hpp>
#include <weft/scheduler/detail/idle_set.hpp>

namespace weft {
namespace {

using detail::idle_set;

TEST(idle_set, nobody_to_wake_at_first) {
  idle_set idle;
  EXPECT_FALSE(idle.wants_wake());
  EXPECT_EQ(idle.claim_one(), -1);
  EXPECT_EQ(idle.sleepers(), 0U);
}

TEST(idle_set, who_claims_a_sleeper_makes_it_the_searcher) {
  idle_set idle;
  idle.add(7);
  EXPECT_TRUE(idle.wants_wake());
  EXPECT_EQ(idle.claim_one(), 7);
  EXPECT_EQ(idle.sleepers(), 0U);
  EXPECT_FALSE(idle.remove(7)) << "it was claimed: it is counted as a searcher";
  EXPECT_TRUE(idle.end_search());
}

TEST(idle_set, at_most_one_searcher_is_woken_at_a_time) {
  idle_set idle;
  idle.add(0);
  idle.add(1);
  EXPECT_GE(idle.claim_one(), 0);
  EXPECT_FALSE(idle.wants_wake());
  EXPECT_EQ(idle.claim_one(), -1);
  EXPECT_TRUE(idle.end_search());
  EXPECT_TRUE(idle.wants_wake());
  EXPECT_GE(idle.claim_one(), 0);
}

TEST(idle_set, who_wakes_by_itself_leaves_quietly) {
  idle_set idle;
  idle.add(3);
  EXPECT_TRUE(idle.remove(3));
  EXPECT_FALSE(idle.wants_wake());
  EXPECT_EQ(idle.claim_one(), -1);
  idle.begin_search();
  EXPECT_TRUE(idle.end_search()) << "a claim that found nobody leaves no searcher behind";
}

TEST(idle_set, the_last_searcher_is_told_so) {
  idle_set idle;
  idle.begin_search();
  idle.begin_search();
  EXPECT_FALSE(idle.end_search());
  EXPECT_TRUE(idle.end_search());
}

TEST(idle_set, holds_as_many_workers_as_a_runtime_may_have) {
  idle_set idle;
  for (unsigned w = 0; w < idle_set::capacity; ++w) idle.add(w);
  EXPECT_EQ(idle.sleepers(), idle_set::capacity);
  std::set<int> claimed;
  for (unsigned w = 0; w < idle_set::capacity; ++w) {
    claimed.insert(idle.claim_one());
    idle.end_search();
  }
  EXPECT_EQ(claimed.size(), idle_set::capacity);
  EXPECT_EQ(*claimed.begin(), 0);
}

// The protocol of worker and waker, as worker_idle.cpp and runtime_core.cpp follow it, over one number instead of queues. Work
// that is pushed without a wake and seen by no one hangs the test.
class protocol {
 public:
  explicit protocol(unsigned workers) : drivers_(workers) {
    detail::prepare_fences();
    for (auto& d : drivers_) d = std::make_unique<detail::futex_driver>();
  }

  void push() {
    work_.fetch_add(1, std::memory_order_relaxed);
    detail::light_fence();
    wake_if_wanted();
  }
  void serve(unsigned self) {
    bool searching = false;
    while (!stop_.load(std::memory_order_relaxed)) {
      if (take()) {
        if (std::exchange(searching, false) && idle_.end_search()) wake_if_wanted();
        done_.fetch_add(1);
        continue;
      }
      if (!searching) idle_.begin_search();
      idle_.end_search();
      idle_.add(self);
      detail::heavy_fence();
      if (work_.load(std::memory_order_relaxed) == 0 && !stop_.load(std::memory_order_relaxed)) {
        drivers_[self]->wait(driver::time_point::max());
      }
      searching = !idle_.remove(self);
    }
  }
  void stop() {
    stop_.store(true);
    for (auto& d : drivers_) d->interrupt();
  }
  [[nodiscard]] long done() const { return done_.load(); }

 private:
  bool take() {
    long seen = work_.load(std::memory_order_relaxed);
    while (seen > 0) {
      if (work_.compare_exchange_weak(seen, seen - 1)) return true;
    }
    return false;
  }
  void wake_if_wanted() {
    if (!idle_.wants_wake()) return;
    const int sleeper = idle_.claim_one();
    if (sleeper >= 0) drivers_[static_cast<std::size_t>(sleeper)]->interrupt();
  }

  idle_set idle_;
  std::vector<std::unique_ptr<detail::futex_driver>> drivers_;
  std::atomic<long> work_{0};
  std::atomic<long> done_{0};
  std::atomic<bool> stop_{false};
};

void nothing_pushed_is_left_lying(unsigned workers, unsigned pushers) {
  test::random_source random;
  const long each = test::rounds(10'000);
  protocol p(workers);
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < workers; ++w) threads.emplace_back([&p, w] { p.serve(w); });
  std::atomic<long> pushed{0};
  std::vector<std::thread> pushing;
  for (unsigned t = 0; t < pushers; ++t) {
    pushing.emplace_back([&, mine = random.split()]() mutable {
      for (long i = 0; i < each; ++i) {
        pushed.fetch_add(1);
        p.push();
        // Now and then everything must be done before more comes: then only this push's own wake can have done it.
        if (mine.one_in(4)) test::give_way_until([&] { return p.done() == pushed.load(); });
        test::spin(mine.below(300));
      }
    });
  }
  for (std::thread& t : pushing) t.join();
  test::give_way_until([&] { return p.done() == each * static_cast<long>(pushers); });
  p.stop();
  for (std::thread& t : threads) t.join();
}

TEST(idle_set, no_wake_is_lost_with_one_worker) { nothing_pushed_is_left_lying(1, 3); }
TEST(idle_set, no_wake_is_lost_with_three_workers) { nothing_pushed_is_left_lying(3, 2); }

}  // namespace
}  // namespace weft
