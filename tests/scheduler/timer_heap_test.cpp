// The heap of timers, against a sorted map, and from several threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/timers.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using detail::timer;
using detail::timer_heap;
using time_point = timer::time_point;

struct counted : timer {
  std::atomic<int> fired{0};
  std::vector<counted*>* order = nullptr;

  explicit counted(time_point at = {}) {
    when = at;
    fire = [](timer& t) noexcept {
      auto& self = static_cast<counted&>(t);
      if (self.order != nullptr) self.order->push_back(&self);
      self.fired.fetch_add(1);
    };
  }
};

time_point at(std::int64_t ms) { return time_point(std::chrono::milliseconds(ms)); }

TEST(timer_heap, is_empty_at_first) {
  timer_heap heap;
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.next(), time_point::max());
  EXPECT_EQ(heap.fire_due(time_point::max()), 0U);
}

TEST(timer_heap, fires_what_is_due_in_order_and_nothing_else) {
  timer_heap heap;
  std::vector<counted*> order;
  counted late(at(30)), early(at(10)), middle(at(20));
  for (counted* t : {&late, &early, &middle}) {
    t->order = &order;
    heap.add(*t);
  }
  EXPECT_EQ(heap.next(), at(10));
  EXPECT_EQ(heap.fire_due(at(9)), 0U);
  EXPECT_EQ(heap.fire_due(at(20)), 2U);  // due at exactly that time counts
  EXPECT_EQ(order, (std::vector<counted*>{&early, &middle}));
  EXPECT_EQ(heap.next(), at(30));
  EXPECT_EQ(heap.fire_due(at(100)), 1U);
  EXPECT_EQ(late.fired, 1);
  EXPECT_TRUE(heap.empty());
}

TEST(timer_heap, cancelled_timers_do_not_fire_and_cancelling_again_is_harmless) {
  timer_heap heap;
  counted a(at(1)), b(at(2)), never_added;
  heap.add(a);
  heap.add(b);
  timer_heap::cancel(a);
  timer_heap::cancel(a);
  timer_heap::cancel(never_added);
  EXPECT_EQ(heap.next(), at(2));
  EXPECT_EQ(heap.fire_due(at(5)), 1U);
  timer_heap::cancel(b);  // has fired
  EXPECT_EQ(a.fired, 0);
  EXPECT_EQ(b.fired, 1);
}

TEST(timer_heap, a_timer_can_be_used_again) {
  timer_heap heap;
  counted t(at(1));
  for (int i = 1; i <= 3; ++i) {
    t.when = at(i);
    heap.add(t);
    EXPECT_EQ(heap.fire_due(at(i)), 1U);
    EXPECT_EQ(t.fired, i);
  }
}

TEST(timer_heap, behaves_like_a_sorted_map) {
  test::random_source random;
  timer_heap heap;
  std::vector<std::unique_ptr<counted>> timers;
  std::multimap<time_point, counted*> model;
  std::vector<counted*> order;
  std::int64_t now = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::uint32_t dice = random.below(10);
    if (dice < 6) {
      timers.push_back(std::make_unique<counted>(at(now + random.below(1'000))));
      timers.back()->order = &order;
      heap.add(*timers.back());
      model.emplace(timers.back()->when, timers.back().get());
    } else if (dice < 9 && !timers.empty()) {
      counted* t = timers[random.below(static_cast<std::uint32_t>(timers.size()))].get();
      timer_heap::cancel(*t);
      const auto same = model.equal_range(t->when);
      const auto found = std::find_if(same.first, same.second, [t](auto& entry) { return entry.second == t; });
      if (found != same.second) model.erase(found);
    } else {
      now += random.below(50);
      order.clear();
      const std::size_t fired = heap.fire_due(at(now));
      ASSERT_EQ(fired, order.size());
      const auto end = model.upper_bound(at(now));
      ASSERT_EQ(fired, static_cast<std::size_t>(std::distance(model.begin(), end)));
      ASSERT_TRUE(std::is_sorted(order.begin(), order.end(), [](auto* a, auto* b) { return a->when < b->when; }));
      for (counted* t : order) ASSERT_LE(t->when, at(now));
      model.erase(model.begin(), end);
    }
    ASSERT_EQ(heap.next(), model.empty() ? time_point::max() : model.begin()->first);
  }
}

// Adders that take their timers back, while others fire: each timer fires once or is taken back, and is not touched after cancel().
TEST(timer_heap, each_timer_fires_or_is_cancelled) {
  test::random_source random;
  timer_heap heap;
  std::atomic<bool> done{false};
  std::atomic<std::int64_t> now{0};
  std::atomic<int> fired{0};
  std::vector<std::thread> firing;
  for (int i = 0; i < 2; ++i) {
    firing.emplace_back([&] {
      while (!done.load()) {
        fired.fetch_add(static_cast<int>(heap.fire_due(at(now.fetch_add(1)))));
        std::this_thread::yield();
      }
    });
  }
  std::atomic<int> seen_fired{0};
  std::vector<std::thread> adding;
  for (int i = 0; i < 2; ++i) {
    adding.emplace_back([&, mine = random.split()]() mutable {
      for (int round = 0; round < test::rounds(20'000); ++round) {
        auto t = std::make_unique<counted>(at(now.load() + mine.below(4)));
        heap.add(*t);
        for (std::uint32_t n = mine.below(3); n > 0; --n) std::this_thread::yield();
        timer_heap::cancel(*t);
        const int times = t->fired.load();
        ASSERT_LE(times, 1);
        seen_fired.fetch_add(times);
      }
    });
  }
  for (std::thread& t : adding) t.join();
  done.store(true);
  for (std::thread& t : firing) t.join();
  EXPECT_EQ(fired.load(), seen_fired.load());
  EXPECT_TRUE(heap.empty());
}

// What a deadline does when it fires may wait for a fiber that is about to set a timer of its own in the same heap.
TEST(timer_heap, a_timer_can_be_added_while_another_fires) {
  struct waiting_timer : timer {
    std::atomic<bool> begun{false};
    std::atomic<bool> go_on{false};
  } slow;
  slow.when = at(1);
  slow.fire = [](timer& t) noexcept {
    auto& self = static_cast<waiting_timer&>(t);
    self.begun.store(true);
    test::give_way_until([&] { return self.go_on.load(); });
  };
  timer_heap heap;
  heap.add(slow);
  std::thread firing([&] { EXPECT_EQ(heap.fire_due(at(1)), 1U); });
  test::give_way_until([&] { return slow.begun.load(); });
  counted other(at(2));
  heap.add(other);
  timer_heap::cancel(other);
  slow.go_on.store(true);
  firing.join();
}

TEST(timer_heap, cancelling_waits_for_a_timer_that_is_firing) {
  struct waiting_timer : timer {
    std::atomic<bool> begun{false};
    std::atomic<bool> go_on{false};
    std::atomic<bool> over{false};
  } slow;
  slow.when = at(1);
  slow.fire = [](timer& t) noexcept {
    auto& self = static_cast<waiting_timer&>(t);
    self.begun.store(true);
    test::give_way_until([&] { return self.go_on.load(); });
    self.over.store(true);
  };
  timer_heap heap;
  heap.add(slow);
  std::thread firing([&] { heap.fire_due(at(1)); });
  test::give_way_until([&] { return slow.begun.load(); });
  std::thread releasing([&] { slow.go_on.store(true); });
  timer_heap::cancel(slow);
  EXPECT_TRUE(slow.over.load());
  firing.join();
  releasing.join();
}

}  // namespace
}  // namespace weft
