// Deadlocks: what nothing can wake ends with an error that tells why; what something can wake is left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/deadlock_error.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

// What the deadlock that f runs into says; empty if there is none.
template <class F>
std::string deadlock_of(F f, options o = test::test_options()) {
  try {
    weft::run(std::move(o), f);
  } catch (const deadlock_error& e) {
    return e.what();
  }
  return {};
}

TEST(deadlock, of_the_root_function_alone) {
  test::gate never;
  EXPECT_THAT(deadlock_of([&] { never.pass(); }),
              AllOf(HasSubstr("weft: deadlock"), ContainsRegex("the wait of fiber [0-9]+ 'root', spawned at")));
}

// Returns when so many tasks of the caller's group have begun, on fibers of their own: a join that came before would run them where it stands.
class begun {
 public:
  explicit begun(int tasks) : left_(tasks) {}
  void count() { --left_; }
  void wait() {
    test::give_way_until([&] { return left_ == 0; });
  }

 private:
  std::atomic<int> left_;
};

TEST(deadlock, of_a_join_for_a_task_that_waits_for_ever) {
  test::gate never;
  const std::string report = deadlock_of([&] {
    task<void> stuck;
    begun tasks(1);
    group g("g");
    stuck = g.spawn(
        [&] {
          tasks.count();
          never.pass();
        },
        {.name = "stuck"});
    tasks.wait();
    g.spawn([&] { stuck.wait(); }, {.name = "waits for it"});
  });
  EXPECT_THAT(report,
              AllOf(ContainsRegex("Nobody is left who could end:\n  the wait of fiber [0-9]+ 'stuck', spawned at "
                                  "tests/scheduler/deadlock_test.cpp:[0-9]+"),
                    HasSubstr("task 'stuck'")));
}

TEST(deadlock, of_tasks_that_wait_for_each_other_is_told_as_a_cycle) {
  const std::string report = deadlock_of([] {
    task<void> left;
    task<void> right;
    test::gate begin;
    begun tasks(2);
    group g;
    left = g.spawn(
        [&] {
          tasks.count();
          begin.pass();
          right.wait();
        },
        {.name = "left"});
    right = g.spawn(
        [&] {
          tasks.count();
          begin.pass();
          left.wait();
        },
        {.name = "right"});
    tasks.wait();
    begin.open();
  });
  EXPECT_THAT(report, AllOf(HasSubstr("These wait for each other:"),
                            ContainsRegex("'left', spawned at .*, waits for task 'right'"),
                            ContainsRegex("'right', spawned at .*, waits for task 'left'")));
}

// The second has the first run on its own stack, as it waits for it; so there is one fiber only.
TEST(deadlock, on_one_stack_is_told_as_a_cycle) {
  const std::string report = deadlock_of(
      [] {
        task<void> left;
        task<void> right;
        group g;
        left = g.spawn([&] { right.wait(); }, {.name = "left"});
        right = g.spawn([&] { left.wait(); }, {.name = "right"});
      },
      test::test_options(1));
  EXPECT_THAT(report, AllOf(HasSubstr("These wait for each other:"), ContainsRegex("waits for task '(left|right)'")));
}

TEST(deadlock, is_seen_by_the_root_function_as_a_cancellation) {
  test::gate never;
  bool cleaned_up = false;
  EXPECT_THROW(test::run([&] {
                 try {
                   never.pass();
                 } catch (const cancelled& c) {
                   cleaned_up = c.reason() == cancel_reason::deadlock;
                   throw;
                 }
               }),
               deadlock_error);
  EXPECT_TRUE(cleaned_up);
}

TEST(deadlock, leaves_the_runtime_usable) {
  runtime rt(test::test_options());
  test::gate never;
  for (int i = 0; i < 2; ++i) EXPECT_THROW(rt.run([&] { never.pass(); }), deadlock_error);
  EXPECT_EQ(rt.run([] { return 42; }), 42);
}

TEST(deadlock, with_the_backstop_on) {
  test::gate never;
  options o = test::test_options();
  o.backstop = 10ms;
  EXPECT_NE(deadlock_of([&] { never.pass(); }, o), "");
}

TEST(deadlock, in_a_runtime_below_ends_only_that) {
  test::gate never;
  EXPECT_EQ(test::run([&] { return deadlock_of([&] { never.pass(); }).empty() ? "none" : "below"; }),
            std::string("below"));
}

TEST(deadlock, of_two_runtimes_ends_both) {
  std::string below;
  const std::string above = deadlock_of([&] {
    test::gate never;
    group g;
    g.spawn([&] { below = deadlock_of([&] { never.pass(); }); });
    never.pass();
  });
  EXPECT_NE(below, "");
  EXPECT_NE(above, "");
}

// ---------------------------------------------------------------------------------------------------- no false alarm

TEST(deadlock, is_none_while_a_timer_is_set) {
  test::gate never;
  EXPECT_EQ(deadlock_of([] { sleep_for(300ms); }), "");
  EXPECT_EQ(deadlock_of([&] { EXPECT_THROW(with_deadline(300ms, [&] { never.pass(); }), timeout_error); }), "");
}

TEST(deadlock, is_none_while_a_blocking_call_runs) {
  EXPECT_EQ(deadlock_of([] { blocking([] { std::this_thread::sleep_for(300ms); }); }), "");
}

TEST(deadlock, is_none_while_a_fiber_computes) {
  test::gate gate;
  EXPECT_EQ(deadlock_of([&] {
              group g;
              g.spawn([&] {
                const auto end = std::chrono::steady_clock::now() + 300ms;
                while (std::chrono::steady_clock::now() < end) test::spin(1000);
                gate.open();
              });
              gate.pass();
            }),
            "");
}

TEST(deadlock, is_none_where_a_thread_of_the_program_may_wake_a_fiber) {
  test::gate gate;
  std::promise<void> waits;
  std::thread foreign([&] {
    waits.get_future().wait();
    std::this_thread::sleep_for(300ms);
    gate.open();
  });
  EXPECT_EQ(deadlock_of([&] {
              waits.set_value();
              gate.pass();
            }),
            "");
  foreign.join();
}

TEST(deadlock, that_is_only_possible_is_reported_once) {
  test::gate gate;
  std::promise<void> reported;
  std::thread foreign([&] {
    reported.get_future().wait();
    gate.open();
  });
  testing::internal::CaptureStderr();
  runtime rt(test::test_options());
  std::thread waiter([&] { rt.run([&] { gate.pass(); }); });
  std::this_thread::sleep_for(1500ms);
  reported.set_value();
  foreign.join();
  waiter.join();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("weft: deadlock"), HasSubstr("might still wake one of these fibers")));
}

TEST(deadlock, is_not_looked_for_where_that_is_turned_off) {
  test::gate gate;
  options o = test::test_options();
  o.detect_deadlock = false;
  runtime rt(o);
  std::thread waiter([&] { EXPECT_NO_THROW(rt.run([&] { gate.pass(); })); });
  std::this_thread::sleep_for(300ms);
  gate.open();
  waiter.join();
}

TEST(deadlock, is_none_of_a_runtime_that_nobody_uses) {
  const runtime idle(test::test_options());
  EXPECT_EQ(deadlock_of([] { sleep_for(300ms); }), "");
}

}  // namespace
}  // namespace weft
