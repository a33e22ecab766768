// The bounded ring of ready fibers. It never looks at what it holds, so numbers stand for fibers here.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/ready_ring.hpp>

namespace weft {
namespace {

using detail::fiber;
using detail::ready_ring;

fiber* number(std::size_t n) { return reinterpret_cast<fiber*>((n + 1) * 64); }
std::size_t number_of(fiber* f) { return reinterpret_cast<std::uintptr_t>(f) / 64 - 1; }

TEST(ready_ring, is_empty_at_first) {
  ready_ring ring;
  ready_ring::batch out;
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.pop(), nullptr);
  EXPECT_EQ(ring.take_half(out), 0U);
}

TEST(ready_ring, is_first_in_first_out) {
  ready_ring ring;
  for (std::size_t i = 0; i < 10; ++i) ASSERT_TRUE(ring.push(number(i)));
  for (std::size_t i = 0; i < 10; ++i) ASSERT_EQ(ring.pop(), number(i));
  EXPECT_TRUE(ring.empty());
}

TEST(ready_ring, says_when_it_is_full) {
  ready_ring ring;
  for (std::size_t i = 0; i < ready_ring::capacity; ++i) ASSERT_TRUE(ring.push(number(i)));
  EXPECT_FALSE(ring.push(number(999)));
  EXPECT_EQ(ring.pop(), number(0));
  EXPECT_TRUE(ring.push(number(ready_ring::capacity)));
  for (std::size_t i = 1; i <= ready_ring::capacity; ++i) ASSERT_EQ(ring.pop(), number(i));
}

TEST(ready_ring, thieves_take_the_older_half_and_at_least_one) {
  ready_ring ring;
  ready_ring::batch out;
  for (std::size_t i = 0; i < 7; ++i) ring.push(number(i));
  ASSERT_EQ(ring.take_half(out), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(out[i], number(i));
  ASSERT_EQ(ring.take_half(out), 2U);
  EXPECT_EQ(out[0], number(4));
  EXPECT_EQ(out[1], number(5));
  ASSERT_EQ(ring.take_half(out), 1U);
  EXPECT_EQ(out[0], number(6));
  EXPECT_EQ(ring.take_half(out), 0U);
}

TEST(ready_ring, keeps_its_order_around_many_turns) {
  test::random_source random;
  ready_ring ring;
  std::size_t pushed = 0;
  std::size_t popped = 0;
  while (pushed < 100'000) {
    for (std::uint32_t n = random.below(300); n > 0; --n) {
      if (!ring.push(number(pushed))) break;
      ++pushed;
    }
    for (std::uint32_t n = random.below(300); n > 0; --n) {
      fiber* f = ring.pop();
      if (f == nullptr) break;
      ASSERT_EQ(f, number(popped++));
    }
  }
}

TEST(ready_ring, each_fiber_is_taken_once_by_owner_or_thief) {
  test::random_source random;
  constexpr std::size_t count = 100'000;
  std::vector<std::atomic<int>> taken(count);
  ready_ring ring;
  std::atomic<bool> done{false};
  std::vector<std::thread> thieves;
  for (int t = 0; t < 3; ++t) {
    thieves.emplace_back([&] {
      ready_ring::batch out;
      while (!done.load()) {
        const std::uint32_t n = ring.take_half(out);
        ASSERT_LE(n, ready_ring::capacity / 2 + 1);
        for (std::uint32_t i = 0; i < n; ++i) taken[number_of(out[i])].fetch_add(1);
        if (n == 0) std::this_thread::yield();
      }
    });
  }
  for (std::size_t pushed = 0; pushed < count;) {
    for (std::uint32_t n = random.below(random.one_in(20) ? 300 : 5); n > 0 && pushed < count; --n) {
      if (!ring.push(number(pushed))) break;
      ++pushed;
    }
    for (std::uint32_t n = random.below(4); n > 0; --n) {
      if (fiber* f = ring.pop()) taken[number_of(f)].fetch_add(1);
    }
    if (random.one_in(64)) std::this_thread::yield();
  }
  while (fiber* f = ring.pop()) taken[number_of(f)].fetch_add(1);
  done.store(true);
  for (std::thread& t : thieves) t.join();
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(taken[i].load(), 1) << "fiber " << i;
}

}  // namespace
}  // namespace weft
