// Barriers: phases, the completion function, and those who drop out.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/barrier.hpp>

namespace weft {
namespace {

TEST(barrier, nobody_enters_a_phase_before_all_have_ended_the_last) {
  const int phases = test::rounds(500);
  std::vector<std::atomic<int>> arrived(static_cast<std::size_t>(phases));
  int completed = 0;
  barrier b(5, [&]() noexcept { ++completed; });
  const auto member = [&] {
    for (int p = 0; p < phases; ++p) {
      arrived[static_cast<std::size_t>(p)].fetch_add(1);
      b.arrive_and_wait();
      EXPECT_EQ(arrived[static_cast<std::size_t>(p)].load(), 5);
      EXPECT_GE(completed, p + 1);
    }
  };
  std::thread thread(member);
  test::run([&] {
    group g;
    for (int i = 0; i < 4; ++i) g.spawn(member);
  });
  thread.join();
  EXPECT_EQ(completed, phases);
  EXPECT_EQ(b.statistics().phase, static_cast<std::uint64_t>(phases));
}

TEST(barrier, arriving_and_waiting_are_two_things) {
  test::run([] {
    barrier<> b(2);
    auto mine = b.arrive();
    EXPECT_EQ(b.statistics().expected, 1);
    group g;
    g.spawn([&] { b.arrive_and_wait(); });
    b.wait(std::move(mine));
    auto both = b.arrive(2);
    b.wait(std::move(both));
    EXPECT_EQ(b.statistics().phase, 2U);
  });
}

TEST(barrier, who_drops_out_is_expected_no_more) {
  test::run([] {
    barrier<> b(3);
    group g;
    g.spawn([&] { b.arrive_and_drop(); });
    g.spawn([&] {
      b.arrive_and_wait();
      b.arrive_and_drop();
    });
    for (int i = 0; i < 5; ++i) b.arrive_and_wait();
    EXPECT_EQ(b.statistics().expected, 1);
  });
}

TEST(barrier, a_completion_function_may_park) {
  test::run([] {
    barrier b(3, []() noexcept { yield(); });
    group g;
    for (int i = 0; i < 3; ++i) {
      g.spawn([&] {
        for (int k = 0; k < 20; ++k) b.arrive_and_wait();
      });
    }
  });
}

TEST(barrier, who_is_cancelled_has_arrived) {
  test::run([] {
    barrier<> b(2);
    {
      group g;
      g.spawn([&] { EXPECT_THROW(b.arrive_and_wait(), cancelled); });
      test::give_way_until([&] { return b.statistics().waiters == 1; });
      g.cancel();
    }
    b.arrive_and_wait();
    EXPECT_EQ(b.statistics().phase, 1U);
  });
}

TEST(barrier, misuse_is_refused) {
  EXPECT_THROW(barrier<>(-1), std::invalid_argument);
  barrier<> b(1);
  EXPECT_THROW((void)b.arrive(0), std::invalid_argument);
  EXPECT_THROW((void)b.arrive(2), std::logic_error);
}

}  // namespace
}  // namespace weft
