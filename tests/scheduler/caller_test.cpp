// Who calls, as primitives see it.
#include <gtest/gtest.h>

#include <thread>

#include <support.hpp>
#include <weft/scheduler/caller.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace weft {
namespace {

TEST(caller, threads_differ_and_stay_the_same) {
  const void* here = caller_id();
  EXPECT_EQ(caller_id(), here);
  const void* there = nullptr;
  std::thread([&] { there = caller_id(); }).join();
  EXPECT_NE(there, nullptr);
}

TEST(caller, a_task_is_itself_wherever_it_runs) {
  test::run([] {
    const void* const mine = caller_id();
    group g;
    const void* other = nullptr;
    g.spawn([&] {  // perhaps on the stack of whoever waits for it
       other = caller_id();
       for (int i = 0; i < 5; ++i) {
         yield();
         EXPECT_EQ(caller_id(), other);
       }
     })
        .wait();
    EXPECT_NE(other, mine);
    EXPECT_EQ(caller_id(), mine);
  });
}

// By frames, as address sanitizer keeps locals elsewhere.
TEST(caller, knows_its_own_stack) {
  EXPECT_FALSE(is_on_callers_stack(nullptr));
  const void* const on_thread = __builtin_frame_address(0);
  EXPECT_TRUE(is_on_callers_stack(on_thread));
  test::run([on_thread] {
    const void* const on_fiber = __builtin_frame_address(0);
    EXPECT_TRUE(is_on_callers_stack(on_fiber));
    EXPECT_FALSE(is_on_callers_stack(on_thread));
    std::thread([on_fiber] { EXPECT_FALSE(is_on_callers_stack(on_fiber)); }).join();
    static const int in_no_stack = 0;
    EXPECT_FALSE(is_on_callers_stack(&in_no_stack));
  });
}

TEST(caller, giving_way_lets_others_run_and_throws_nothing) {
  give_way();  // on a thread it does nothing
  weft::run(test::test_options(1), [] {
    bool ran = false;
    group g;
    g.spawn([&] { ran = true; });
    while (!ran) give_way();
    g.spawn([&] {
      g.cancel();
      EXPECT_NO_THROW(give_way());
    });
  });
}

TEST(caller, spinning_is_for_those_who_are_not_alone) {
  weft::run(test::test_options(1), [] { EXPECT_FALSE(spinning_may_help()) << "who would end the wait?"; });
}

}  // namespace
}  // namespace weft
