// The pool of stacks: sizes, guards, reuse.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/stack_pool.hpp>

namespace weft {
namespace {

using detail::stack_pool;

// Asks the kernel, which answers EFAULT where a load would crash.
bool readable(const char* address) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const bool could = ::write(ends[1], address, 1) == 1;
  ::close(ends[0]);
  ::close(ends[1]);
  return could;
}

TEST(stack_pool, sizes_are_powers_of_two_that_leave_room_beside_the_guard) {
  for (const std::size_t wrong : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{32} << 10,
                                  std::size_t{100'000}, (std::size_t{256} << 10) + 1}) {
    EXPECT_THROW(stack_pool{wrong}, std::invalid_argument) << wrong;
  }
  for (const std::size_t right : {std::size_t{64} << 10, std::size_t{256} << 10, std::size_t{8} << 20}) {
    EXPECT_EQ(stack_pool(right).size(), right);
  }
}

TEST(stack_pool, the_message_names_the_option_and_the_remedy) {
  try {
    stack_pool pool(100'000);
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find("options::stack_size is 100000"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("power of two"), std::string::npos) << e.what();
  }
}

TEST(stack_pool, a_stack_is_aligned_guarded_at_its_low_end_and_usable_above) {
  stack_pool pool(64 << 10);
  for (int i = 0; i < 3; ++i) {
    char* stack = pool.take();
    ASSERT_NE(stack, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(stack) % pool.size(), 0U);
    for (std::size_t at = 0; at < stack_pool::guard_size; at += 4096) EXPECT_FALSE(readable(stack + at)) << at;
    EXPECT_FALSE(readable(stack + stack_pool::guard_size - 1));
    for (std::size_t at = stack_pool::guard_size; at < pool.size(); at += 512) stack[at] = 'x';
    stack[pool.size() - 1] = 'x';
  }
}

TEST(stack_pool, stacks_are_distinct_counted_and_reused) {
  stack_pool pool(64 << 10);
  std::set<char*> taken;
  for (int i = 0; i < 200; ++i) taken.insert(pool.take());
  EXPECT_EQ(taken.size(), 200U);
  EXPECT_EQ(taken.count(nullptr), 0U);
  EXPECT_EQ(pool.live(), 200U);
  for (char* stack : taken) pool.give_back(stack);
  EXPECT_EQ(pool.live(), 0U);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(taken.count(pool.take()), 1U) << "a fresh stack although old ones are free";
}

TEST(stack_pool, gives_nothing_when_the_address_space_is_too_small) {
  for (const int bits : {46, 57, 58, 62, 63}) {
    stack_pool pool(std::size_t{1} << bits);
    EXPECT_EQ(pool.take(), nullptr) << bits;
    EXPECT_EQ(pool.live(), 0U);
  }
}

TEST(stack_pool, serves_threads_at_once) {
  stack_pool pool(64 << 10);
  std::vector<std::thread> threads;
  for (char t = 1; t <= 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < test::rounds(2'000); ++i) {
        char* stacks[5];
        for (char*& s : stacks) {
          s = pool.take();
          ASSERT_NE(s, nullptr);
          s[stack_pool::guard_size] = t;
        }
        for (char* s : stacks) ASSERT_EQ(s[stack_pool::guard_size], t) << "two threads hold one stack";
        for (char* s : stacks) pool.give_back(s);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(pool.live(), 0U);
}

}  // namespace
}  // namespace weft
