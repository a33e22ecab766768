// Tasks and their handles: results of all kinds, and handles in every stage of life.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/task.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Makes a task run on a fiber of its own before the caller looks at it again.
void let_others_run() {
  for (int i = 0; i < 200; ++i) yield();
}

TEST(task, returns_what_its_function_returns) {
  test::run([] {
    group g;
    task<int> number = g.spawn([] { return 42; });
    task<std::string> text = g.spawn([] { return std::string("a text longer than its small buffer would hold"); });
    task<void> nothing = g.spawn([] {});
    EXPECT_EQ(number.get(), 42);
    EXPECT_EQ(text.get(), "a text longer than its small buffer would hold");
    nothing.get();
  });
}

TEST(task, results_may_be_move_only_big_or_over_aligned) {
  test::run([] {
    struct big {
      std::array<int, 1'000> values{};
    };
    struct alignas(128) wide {
      int value = 0;
    };
    group g;
    auto pointer = g.spawn([] { return std::make_unique<int>(7); });
    auto large = g.spawn([] {
      auto b = std::make_unique<big>();
      b->values.back() = 9;
      return *b;
    });
    auto aligned = g.spawn([] { return wide{11}; });
    EXPECT_EQ(*pointer.get(), 7);
    EXPECT_EQ(large.get().values.back(), 9);
    EXPECT_EQ(aligned.get().value, 11);
  });
}

// Fails its first moves, as many as asked.
struct stubborn {
  explicit stubborn(int moves) : moves_left(moves) {}
  stubborn(stubborn&& other) noexcept(false) : moves_left(other.moves_left) {
    if (moves_left == 0) throw std::runtime_error("not to be moved");
    --moves_left;
  }
  int moves_left;
};

TEST(task, a_result_whose_move_throws_fails_the_task) {
  test::run([] {
    group g(supervise);
    auto t = g.spawn([] {
      stubborn s(0);
      return std::optional<stubborn>(std::move(s));
    });
    EXPECT_THROW(t.get(), std::runtime_error);
    EXPECT_THROW(g.join(), group_error);
  });
}

TEST(task, a_result_whose_move_throws_at_the_receiver_throws_there) {
  test::run([] {
    group g;
    auto t = g.spawn([] { return stubborn(1); });  // one move brings it into the task's storage
    EXPECT_THROW(t.get(), std::runtime_error);
    EXPECT_FALSE(t.valid()) << "the result is gone";
    g.join();
  });
}

TEST(task, a_function_whose_move_throws_is_not_spawned) {
  test::run([] {
    struct function {
      stubborn s{0};
      int operator()() { return 1; }
    };
    group g;
    EXPECT_THROW(g.spawn(function{}), std::runtime_error);
    g.join();
  });
}

TEST(task, functions_may_be_move_only_and_large) {
  test::run([] {
    group g;
    auto small = g.spawn([p = std::make_unique<int>(1)] { return *p; });
    auto large = g.spawn([p = std::make_unique<int>(2), padding = std::array<int, 100>{}] { return *p + padding[0]; });
    auto large_void =
        g.spawn([p = std::make_unique<int>(3), padding = std::array<int, 100>{}] { EXPECT_EQ(*p, 3 + padding[0]); });
    EXPECT_EQ(small.get(), 1);
    EXPECT_EQ(large.get(), 2);
    large_void.get();
  });
}

TEST(task, functions_are_called_as_rvalues) {
  test::run([] {
    struct once {
      int operator()() && { return 5; }
    };
    group g;
    EXPECT_EQ(g.spawn(once{}).get(), 5);
    EXPECT_EQ(g.spawn(&std::thread::hardware_concurrency).get(), std::thread::hardware_concurrency());
  });
}

// What a function holds is destroyed when it has run, whether it returned, threw or was never begun.
TEST(task, functions_are_destroyed_once_they_have_run) {
  test::run([] {
    auto counted = std::make_shared<int>(0);
    auto padding = std::array<char, 200>{};
    {
      group g(supervise);
      auto kept1 = g.spawn([counted] {});
      auto kept2 = g.spawn([counted] { return 1; });
      auto kept3 = g.spawn([counted, padding] { return padding[0]; });
      auto kept4 = g.spawn([counted, padding] { (void)padding; });
      auto kept5 = g.spawn([counted]() -> int { throw 1; });
      auto kept6 = g.spawn([counted, padding]() -> std::string { throw static_cast<int>(padding[0]); });
      auto kept7 = g.spawn([counted] { throw 1; });
      EXPECT_THROW(g.join(), group_error);
      EXPECT_EQ(counted.use_count(), 1);
    }
    {
      group g;
      g.cancel();
      auto kept1 = g.spawn([counted] {});
      auto kept2 = g.spawn([counted, padding] { return padding[0]; });
      g.join();
      EXPECT_EQ(counted.use_count(), 1);
    }
  });
}

TEST(task, results_are_destroyed_with_their_handles) {
  test::run([] {
    auto counted = std::make_shared<int>(0);
    group g;
    {
      auto kept = g.spawn([&counted] { return counted; });
      auto kept_large = g.spawn([&counted] { return std::make_pair(counted, std::array<char, 200>{}); });
      g.spawn([&counted] { return counted; });  // dropped before it runs
      g.join();
      EXPECT_EQ(counted.use_count(), 3);
    }
    EXPECT_EQ(counted.use_count(), 1);
    {
      auto dropped_while_it_runs = g.spawn([&counted] {
        let_others_run();
        return counted;
      });
      yield();
    }
    g.join();
    EXPECT_EQ(counted.use_count(), 1);
  });
}

TEST(task, get_rethrows_what_the_task_threw) {
  test::run([] {
    group g(supervise);
    auto of_class = g.spawn([] { throw std::out_of_range("no such thing"); });
    auto of_int = g.spawn([]() -> int { throw 12; });
    try {
      of_class.get();
      ADD_FAILURE();
    } catch (const std::out_of_range& e) {
      EXPECT_STREQ(e.what(), "no such thing");
    }
    EXPECT_THROW(of_int.get(), int);
    EXPECT_THROW(g.join(), group_error);
  });
}

TEST(task, get_can_be_called_once) {
  test::run([] {
    group g;
    task<int> t = g.spawn([] { return 1; });
    EXPECT_TRUE(t.valid());
    EXPECT_EQ(t.get(), 1);
    EXPECT_FALSE(t.valid());
    try {
      t.get();
      ADD_FAILURE();
    } catch (const std::logic_error& e) {
      EXPECT_NE(std::string(e.what()).find("empty"), std::string::npos) << e.what();
    }
    EXPECT_THROW(t.wait(), std::logic_error);
    EXPECT_THROW((void)t.wait_for(1ms), std::logic_error);
    EXPECT_THROW((void)t.done(), std::logic_error);
    EXPECT_THROW((void)t.try_get(), std::logic_error);
    EXPECT_THROW((void)t.name(), std::logic_error);
  });
}

TEST(task, empty_handles_can_be_dropped_moved_and_assigned) {
  task<int> none;
  EXPECT_FALSE(none.valid());
  task<int> moved(std::move(none));
  moved = task<int>{};
  EXPECT_FALSE(moved.valid());
  EXPECT_THROW(moved.get(), std::logic_error);
}

TEST(task, handles_move) {
  test::run([] {
    group g;
    task<int> a = g.spawn([] { return 1; });
    task<int> b = g.spawn([] { return 2; });
    task<int> c(std::move(a));
    EXPECT_FALSE(a.valid());  // NOLINT: what a moved-from handle promises
    b = std::move(c);
    EXPECT_EQ(b.get(), 1);
    task<int> d = g.spawn([] { return 4; });
    task<int> e = g.spawn([] { return 5; });
    d.swap(e);
    EXPECT_EQ(d.get(), 5);
    EXPECT_EQ(e.get(), 4);
  });
}

TEST(task, wait_leaves_the_result_where_it_is) {
  test::run([] {
    group g;
    task<std::string> t = g.spawn([] { return std::string("here"); });
    t.wait();
    t.wait();
    EXPECT_TRUE(t.done());
    EXPECT_EQ(t.get(), "here");
  });
}

TEST(task, wait_does_not_throw_what_the_task_threw) {
  test::run([] {
    group g(supervise);
    auto t = g.spawn([] { throw 1; });
    EXPECT_NO_THROW(t.wait());
    EXPECT_TRUE(t.done());
    EXPECT_THROW(t.get(), int);
    EXPECT_THROW(g.join(), group_error);
  });
}

TEST(task, wait_for_gives_up_after_its_time_and_can_be_repeated) {
  test::run([] {
    group g;
    std::atomic<bool> go_on{false};
    task<int> t = g.spawn([&] {
      test::give_way_until([&] { return go_on.load(); });
      return 3;
    });
    for (const auto limit :
         {std::chrono::nanoseconds(-5s), std::chrono::nanoseconds(0), std::chrono::nanoseconds(200us)}) {
      const auto until = std::chrono::steady_clock::now() + limit;
      EXPECT_FALSE(t.wait_for(limit));
      EXPECT_GE(std::chrono::steady_clock::now(), until);
    }
    go_on.store(true);
    EXPECT_TRUE(t.wait_for(1h));
    EXPECT_TRUE(t.wait_for(0ns));
    EXPECT_EQ(t.get(), 3);
  });
}

TEST(task, wait_for_ever_is_not_over_at_once) {
  test::run([] {
    group g;
    task<int> t = g.spawn([] {
      let_others_run();
      return 1;
    });
    EXPECT_TRUE(t.wait_for(std::chrono::nanoseconds::max()));
  });
}

TEST(task, try_get_never_waits) {
  test::run([] {
    group g(supervise);
    std::atomic<bool> go_on{false};
    auto wait = [&] { test::give_way_until([&] { return go_on.load(); }); };
    task<int> number = g.spawn([&] {
      wait();
      return 8;
    });
    task<void> nothing = g.spawn(wait);
    task<int> failing = g.spawn([&]() -> int {
      wait();
      throw 1;
    });
    EXPECT_EQ(number.try_get(), std::nullopt);
    EXPECT_FALSE(nothing.try_get());
    EXPECT_EQ(failing.try_get(), std::nullopt);
    EXPECT_TRUE(number.valid());
    go_on.store(true);
    EXPECT_THROW(g.join(), group_error);
    EXPECT_EQ(number.try_get(), 8);
    EXPECT_FALSE(number.valid());
    EXPECT_TRUE(nothing.try_get());
    EXPECT_THROW((void)failing.try_get(), int);
  });
}

TEST(task, names_are_kept) {
  test::run([] {
    group g;
    EXPECT_EQ(g.spawn([] {}, {.name = "fetch"}).name(), "fetch");
    EXPECT_EQ(g.spawn([] {}).name(), "");
  });
}

TEST(task, a_handle_outlives_group_and_runtime) {
  task<std::string> text;
  task<int> failed;
  task<int> never_begun;
  task<void> nothing;
  test::run([&] {
    try {
      group g(supervise);
      text = g.spawn([] { return std::string("still here, and long enough to be allocated"); });
      failed = g.spawn([]() -> int { throw std::runtime_error("still known"); });
      nothing = g.spawn([] {});
    } catch (const group_error&) {
    }
    group g;
    g.cancel();
    never_begun = g.spawn([] { return 1; });
  });
  EXPECT_TRUE(text.done());
  EXPECT_EQ(text.get(), "still here, and long enough to be allocated");
  EXPECT_THROW(failed.get(), std::runtime_error);
  EXPECT_THROW(never_begun.get(), cancelled);
  nothing.get();
}

TEST(task, handles_may_be_dropped_by_other_threads_and_runtimes) {
  std::vector<task<std::string>> handles;
  test::run([&] {
    group g;
    for (int i = 0; i < 300; ++i)
      handles.push_back(g.spawn([i] { return std::string(100, static_cast<char>('a' + i % 26)); }));
  });
  std::thread foreign([taken = std::vector<task<std::string>>(std::make_move_iterator(handles.begin()),
                                                              std::make_move_iterator(handles.begin() + 100))] {});
  foreign.join();
  test::run([&] { handles.erase(handles.begin() + 100, handles.begin() + 200); });
}

TEST(task, outside_a_fiber_a_finished_task_can_be_read_and_an_unfinished_one_not_be_awaited) {
  std::atomic<bool> go_on{false};
  std::atomic<bool> ready{false};
  task<int> t;
  std::thread foreign([&] {
    test::give_way_until([&] { return ready.load(); });
    EXPECT_FALSE(t.done());
    EXPECT_EQ(t.try_get(), std::nullopt);
    EXPECT_THROW(t.wait(), std::logic_error);
    EXPECT_THROW(t.get(), std::logic_error);
    EXPECT_TRUE(t.valid()) << "nothing was taken";
    go_on.store(true);
  });
  test::run([&] {
    group g;
    t = g.spawn([&] {
      test::give_way_until([&] { return go_on.load(); });
      return 6;
    });
    ready.store(true);
  });
  foreign.join();
  EXPECT_EQ(t.get(), 6);
}

// A task of another group is awaited as any other; what ends is that group, and the waiter must not be held in its books.
TEST(task, a_task_of_another_group_can_be_awaited) {
  test::run([] {
    for (int i = 0; i < test::rounds(300); ++i) {
      group consumers;
      {
        group producers;
        auto t = std::make_shared<task<int>>(producers.spawn([] {
          sleep_for(5us);
          return 1;
        }));
        consumers.spawn([t] {
          EXPECT_EQ(t->get(), 1);
          sleep_for(5us);
          yield();
        });
        if (i % 2 == 0) yield();
        test::give_way_until([&] { return t.use_count() == 1; });
      }
      consumers.join();
    }
  });
}

// One fiber runs the other's task on its own stack, parks in it, and goes on when the task's group is long gone.
TEST(task, waiting_for_a_task_of_another_group_leaves_no_trace_in_it) {
  test::run([] {
    group waiting("waiting");
    waiting.spawn([] {
      std::optional<group> other(std::in_place, "other");
      task<int> t = other->spawn([] {
        sleep_for(10us);
        return 1;
      });
      {
        deadline d(1h);  // a scope that is not the task's
        EXPECT_EQ(t.get(), 1);
      }
      other.reset();
      for (int i = 0; i < 3; ++i) sleep_for(10us);
    });
    waiting.join();
  });
}

TEST(task, a_deadline_ends_the_wait_for_a_task_that_has_not_begun) {
  test::run([] {
    group g;
    task<void> t = g.spawn([] { sleep_for(1h); });
    EXPECT_THROW(with_deadline(2ms, [&] { t.get(); }), timeout_error);
    EXPECT_FALSE(t.done());
    g.cancel();
  });
}

TEST(task, the_failure_of_an_inner_group_ends_the_wait_for_an_outer_task_that_has_not_begun) {
  bool ended = false;
  auto body = [&] {
    std::atomic<bool> spawned{false};
    group outer;
    task<void> endless;
    try {
      group inner;
      inner.spawn([&] {
        test::give_way_until([&] { return spawned.load(); });
        throw std::runtime_error("inner");
      });
      endless = outer.spawn([] { sleep_for(1h); });
      spawned.store(true);
      endless.get();
    } catch (const cancelled&) {
      ended = true;
    }
    EXPECT_FALSE(endless.done());
    outer.cancel();
  };
  EXPECT_THROW(test::run(body), group_error) << "the failure itself comes out where the function ends";
  EXPECT_TRUE(ended);
}

// ---------------------------------------------------------------------------------------------------- two fibers at one handle

void while_somebody_waits_for(task<int>& t, void (*f)(task<int>&)) {
  test::run([&] {
    std::atomic<bool> go_on{false};
    group g;
    t = g.spawn(
        [&] {
          test::give_way_until([&] { return go_on.load(); });
          return 1;
        },
        {.name = "precious"});
    group other;  // or it would run the task itself
    other.spawn([&] { EXPECT_THROW(t.get(), std::logic_error); });
    test::give_way_until([] { return dump().find("task 'precious'") != std::string::npos; });
    f(t);
    go_on.store(true);
  });
}

TEST(task, handle_that_is_dropped_while_a_fiber_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* message = "handle of task 'precious' \\(spawned at .*task_test.cpp:[0-9]+\\) is being dropped.*";
  task<int> t;
  EXPECT_DEATH(while_somebody_waits_for(t, [](task<int>& awaited) { task<int>(std::move(awaited)); }), message);
  EXPECT_DEATH(while_somebody_waits_for(t, [](task<int>& awaited) { awaited = task<int>(); }), message);
}

TEST(task, handle_that_is_moved_away_while_a_fiber_waits_is_empty_for_it) {
  static task<int> kept;
  task<int> t;
  while_somebody_waits_for(t, [](task<int>& awaited) { kept = std::move(awaited); });
  EXPECT_EQ(kept.get(), 1);
}

TEST(task, handle_may_be_dropped_after_a_wait_in_vain) {
  test::run([] {
    group g;
    {
      task<void> t = g.spawn([] { sleep_for(1h); });
      EXPECT_FALSE(t.wait_for(1ms));
    }
    g.cancel();
  });
}

}  // namespace
}  // namespace weft
