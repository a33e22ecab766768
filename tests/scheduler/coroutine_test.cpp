// Fibers that await coroutines, and coroutines that await tasks.
#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/coroutine.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/services.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// ------------------------------------------------------------------------------------- coroutine types as libraries have them

// Begins when it is awaited, and then resumes who awaits it.
template <class T>
class lazy {
 public:
  struct promise_type {
    std::optional<T> value;
    std::exception_ptr error;
    std::coroutine_handle<> continuation;
    lazy get_return_object() { return lazy(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    void return_value(T v) { value.emplace(std::move(v)); }
    void unhandled_exception() { error = std::current_exception(); }
    struct resume_awaiting {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        return h.promise().continuation;
      }
      void await_resume() noexcept {}
    };
    resume_awaiting final_suspend() noexcept { return {}; }
  };
  lazy(lazy&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  lazy& operator=(lazy&&) = delete;
  ~lazy() {
    if (handle_) handle_.destroy();
  }
  auto operator co_await() {
    struct awaiter {
      std::coroutine_handle<promise_type> handle;
      bool await_ready() { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) {
        handle.promise().continuation = h;
        return handle;
      }
      T await_resume() {
        if (handle.promise().error) std::rethrow_exception(handle.promise().error);
        return std::move(*handle.promise().value);
      }
    };
    return awaiter{handle_};
  }

 private:
  explicit lazy(std::coroutine_handle<promise_type> h) : handle_(h) {}
  std::coroutine_handle<promise_type> handle_;
};

// Begins at once and belongs to nobody.
struct eager {
  struct promise_type {
    eager get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
};

// Begins at once; whoever has it destroys it.
struct owned {
  struct promise_type {
    owned get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
  std::coroutine_handle<promise_type> handle;
};

// Goes on on a thread of its own.
struct on_new_thread {
  std::thread& thread;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    thread = std::thread([h] { h.resume(); });
  }
  std::thread::id await_resume() { return std::this_thread::get_id(); }
};

template <class T>
struct ready {
  T value;
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) { ADD_FAILURE(); }
  T await_resume() { return static_cast<T>(value); }
};

struct with_free_operator {
  int value;
};
ready<int> operator co_await(with_free_operator a) { return {a.value}; }

lazy<int> answer() { co_return 42; }
lazy<std::string> failing() {
  throw std::runtime_error("from the coroutine");
  co_return "";
}

// ------------------------------------------------------------------------------------- a fiber awaits

TEST(await, returns_what_co_await_returns) {
  test::run([] {
    EXPECT_EQ(await(answer()), 42);
    EXPECT_EQ(await(with_free_operator{5}), 5);
    EXPECT_EQ(await(ready<int>{7}), 7);
    auto named = answer();
    EXPECT_EQ(await(named), 42) << "lvalues, too";
    static_assert(std::is_void_v<decltype(await(std::suspend_never()))>);
    await(std::suspend_never());
  });
}

TEST(await, returns_references_and_moves_values) {
  test::run([] {
    int target = 1;
    static_assert(std::is_same_v<decltype(await(ready<int&>{target})), int&>);
    await(ready<int&>{target}) = 2;
    EXPECT_EQ(target, 2);
    auto source = std::make_unique<int>(3);
    static_assert(
        std::is_same_v<decltype(await(ready<std::unique_ptr<int>&&>{std::move(source)})), std::unique_ptr<int>>);
    auto moved = await(ready<std::unique_ptr<int>&&>{std::move(source)});
    EXPECT_EQ(*moved, 3);
  });
}

TEST(await, throws_what_co_await_throws) {
  test::run([] {
    try {
      await(failing());
      ADD_FAILURE();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "from the coroutine");
    }
  });
}

TEST(await, the_fiber_stays_a_fiber_when_a_foreign_thread_completes) {
  test::run([] {
    for (int i = 0; i < test::rounds(300); ++i) {
      std::thread foreign;
      const auto id = await(on_new_thread{foreign});
      EXPECT_EQ(id, foreign.get_id());
      EXPECT_TRUE(in_fiber());
      foreign.join();
    }
  });
}

TEST(await, a_worker_runs_others_meanwhile) {
  weft::run(test::test_options(1), [] {
    std::atomic<bool> ran{false};
    std::thread foreign;
    struct after_the_other {
      std::atomic<bool>& ran;
      std::thread& thread;
      bool await_ready() { return false; }
      void await_suspend(std::coroutine_handle<> h) {
        thread = std::thread([&r = ran, h] {
          test::give_way_until([&] { return r.load(); });
          h.resume();
        });
      }
      void await_resume() {}
    };
    group g;
    g.spawn([&] { ran.store(true); });
    await(after_the_other{ran, foreign});
    EXPECT_TRUE(ran.load());
    foreign.join();
  });
}

TEST(await, a_coroutine_may_park_the_fiber_it_began_on) {
  test::run([] {
    const auto sleeper = []() -> lazy<int> {
      sleep_for(100us);
      co_return 9;
    };
    EXPECT_EQ(await(sleeper()), 9);
  });
}

TEST(await, is_a_cancellation_point_on_entry_only) {
  test::run([] {
    std::atomic<bool> begun{false};
    std::thread foreign;
    group g;
    auto waits = g.spawn([&] {
      struct after_cancellation {
        std::atomic<bool>& begun;
        group& g;
        std::thread& thread;
        bool await_ready() { return false; }
        void await_suspend(std::coroutine_handle<> h) {
          begun.store(true);
          thread = std::thread([&scope = g, h] {
            test::give_way_until([&] { return scope.is_cancelled(); });
            h.resume();
          });
        }
        int await_resume() { return 5; }
      };
      const int result = await(after_cancellation{begun, g, foreign});
      EXPECT_THROW(await(answer()), cancelled);
      return result;
    });
    test::give_way_until([&] { return begun.load(); });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
    EXPECT_EQ(waits.get(), 5);
    foreign.join();
  });
}

TEST(await, needs_a_fiber) { EXPECT_THROW(await(std::suspend_never()), std::logic_error); }

// ------------------------------------------------------------------------------------- a coroutine awaits a task

lazy<int> sum(task<int> a, task<int> b) { co_return co_await a + co_await std::move(b); }

TEST(co_await_task, gives_its_result) {
  test::run([] {
    for (int i = 0; i < test::rounds(500); ++i) {
      group g;
      auto a = g.spawn([] {
        yield();
        return 1;
      });
      auto b = g.spawn([] { return 2; });
      EXPECT_EQ(await(sum(std::move(a), std::move(b))), 3);
    }
  });
}

TEST(co_await_task, of_a_finished_one_does_not_suspend) {
  test::run([] {
    group g;
    auto t = g.spawn([] { return std::string("done"); });
    t.wait();
    bool passed = false;
    const auto coroutine = [&]() -> eager {
      EXPECT_EQ(co_await t, "done");
      passed = true;
    };
    coroutine();
    EXPECT_TRUE(passed);
  });
}

TEST(co_await_task, resumes_on_a_fiber_in_the_tasks_group) {
  test::run([] {
    std::atomic<bool> passed{false};
    const auto coroutine = [&](task<void> t) -> eager {
      co_await t;
      EXPECT_TRUE(in_fiber());
      sleep_for(100us);  // the group's end waits for this
      passed.store(true);
    };
    {
      test::gate gate;
      group g;
      coroutine(g.spawn([&] { gate.pass(); }));
      EXPECT_FALSE(passed.load());
      gate.open();
    }
    EXPECT_TRUE(passed.load());
  });
}

TEST(co_await_task, throws_what_the_task_threw) {
  test::run([] {
    group g(supervise);
    auto t = g.spawn([]() -> int {
      yield();
      throw std::runtime_error("the task's");
    });
    const auto coroutine = [&]() -> lazy<std::string> {
      try {
        co_await t;
      } catch (const std::runtime_error& e) {
        co_return e.what();
      }
      co_return "nothing";
    };
    EXPECT_EQ(await(coroutine()), "the task's");
    EXPECT_THROW(g.join(), group_error);
  });
}

TEST(co_await_task, of_a_cancelled_one_throws_cancelled) {
  test::run([] {
    for (int i = 0; i < test::rounds(200); ++i) {
      std::atomic<int> seen{0};
      const auto coroutine = [&](task<void> t) -> eager {
        try {
          co_await t;
        } catch (const cancelled&) {
          EXPECT_THROW(check_cancelled(), cancelled) << "the coroutine is in the cancelled group now";
          seen.fetch_add(1);
        }
      };
      {
        group g;
        coroutine(g.spawn([] { sleep_for(1h); }));
        coroutine(g.spawn([] { sleep_for(1h); }));
        if (i % 2 == 0) yield();
        g.cancel();
      }
      EXPECT_EQ(seen.load(), 2) << "each coroutine is resumed, though other tasks of the group never begin";
    }
  });
}

TEST(co_await_task, an_error_that_leaves_the_coroutine_fails_the_group) {
  test::run([] {
    for (const bool cancel : {false, true}) {
      test::gate gate;
      group g(supervise);
      auto t = g.spawn([&] { gate.pass(); });
      const auto coroutine = [&]() -> owned {
        try {
          co_await t;
        } catch (const cancelled&) {
        }
        throw std::logic_error("out of the coroutine");
      };
      const owned frame = coroutine();
      if (cancel) {
        g.cancel();
      } else {
        gate.open();
      }
      try {
        g.join();
        ADD_FAILURE();
      } catch (const group_error& e) {
        EXPECT_NE(e.find<std::logic_error>(), nullptr);
      }
      frame.handle.destroy();
    }
  });
}

TEST(co_await_task, from_a_foreign_thread) {
  test::run([] {
    std::atomic<int> result{0};
    const auto coroutine = [&](task<int> t) -> eager { result.store(co_await t); };
    {
      group g;
      auto t = g.spawn([] {
        sleep_for(200us);
        return 6;
      });
      std::thread([&] { coroutine(std::move(t)); }).join();
      test::give_way_until([&] { return result.load() != 0; });
    }
    EXPECT_EQ(result.load(), 6);
  });
}

TEST(co_await_task, a_coroutine_that_suspends_elsewhere_may_outlive_the_group) {
  std::atomic<bool> resumed{false};
  std::coroutine_handle<> elsewhere;
  struct remember {
    std::coroutine_handle<>& where;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> h) { where = h; }
    void await_resume() {}
  };
  test::run([&] {
    std::optional<task<int>> t;
    {
      group g;
      t = g.spawn([] {
        yield();
        return 1;
      });
      const auto coroutine = [](task<int> awaited, std::coroutine_handle<>& where, std::atomic<bool>& end) -> eager {
        EXPECT_EQ(co_await awaited, 1);
        co_await remember{where};
        EXPECT_FALSE(in_fiber());
        end.store(true);
      };
      coroutine(std::move(*t), elsewhere, resumed);
    }
  });
  ASSERT_TRUE(elsewhere);
  elsewhere.resume();
  EXPECT_TRUE(resumed.load());
}

TEST(co_await_task, a_coroutine_destroyed_while_it_waits_is_forgotten) {
  test::run([] {
    test::gate gate;
    group g;
    auto t = g.spawn([&] { gate.pass(); });
    const auto coroutine = [&]() -> owned {
      co_await t;
      ADD_FAILURE();
    };
    coroutine().handle.destroy();
    gate.open();
    t.wait();
  });
}

TEST(co_await_task, several_coroutines_and_fibers_await_tasks_of_one_group) {
  test::run([] {
    test::random_source random;
    for (int round = 0; round < test::rounds(100); ++round) {
      std::atomic<int> ended{0};
      constexpr int most = 50;
      const auto coroutine = [&](task<int> t, int expected) -> eager {
        EXPECT_EQ(co_await t, expected);
        yield();
        ended.fetch_add(1);
      };
      {
        group g;
        std::vector<task<int>> tasks;
        for (int i = 0; i < most; ++i) {
          tasks.push_back(g.spawn([i, source = random.split()]() mutable {
            for (std::uint32_t n = source.below(4); n > 0; --n) yield();
            return i;
          }));
        }
        for (int i = 0; i < most; ++i) coroutine(std::move(tasks[static_cast<std::size_t>(i)]), i);
      }
      EXPECT_EQ(ended.load(), most);
    }
  });
}

TEST(co_await_task, works_for_daemons_and_services) {
  test::run([] {
    std::atomic<int> ended{0};
    const auto until_the_end = [&](task<void> t) -> eager {
      try {
        co_await t;
      } catch (const cancelled&) {
        ended.fetch_add(1);
      }
    };
    {
      group g;
      until_the_end(g.spawn_daemon([] { sleep_for(1h); }));
    }
    EXPECT_EQ(ended.load(), 1);
    const auto result_of = [](task<int> t) -> lazy<int> { co_return co_await t; };
    EXPECT_EQ(await(result_of(services().spawn([] { return 4; }))), 4);
  });
}

}  // namespace
}  // namespace weft
