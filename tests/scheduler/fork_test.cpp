// fork() with runtimes around: what the child can do, what it is told, and that the parent is not disturbed.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/services.hpp>
#include <weft/scheduler/signals.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

constexpr int fine = 17;

// The thread sanitizer allows no threads in the child of a program that has some.
#if defined(__has_feature)
constexpr bool child_may_have_threads = !__has_feature(thread_sanitizer);
#else
constexpr bool child_may_have_threads = true;
#endif

struct outcome {
  int status;
  std::string errors;
  [[nodiscard]] bool exited(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
  [[nodiscard]] bool was_refused() const {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           errors.find("a child of fork() uses a fiber, a group or a runtime of its parent") != std::string::npos;
  }
};

// Runs f in a child; where f returns the child goes on as it likes.
template <class F>
outcome fork_and(F&& f) {
  int ends[2];
  if (::pipe(ends) != 0) return {-1, "no pipe"};
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);  // a child that hangs is a failure, not a hang of the test
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    f();
    return {};
  }
  ::close(ends[1]);
  outcome o{-1, {}};
  char buffer[512];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    o.errors.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, &o.status, 0);
  return o;
}

TEST(fork, exec_works_from_a_thread_and_from_a_fiber) {
  const auto become_true = [] {
    ::execl("/bin/sh", "sh", "-c", "exit 17", nullptr);
    ::_exit(1);
  };
  runtime rt(test::test_options());
  EXPECT_TRUE(fork_and(become_true).exited(fine));
  rt.run([&] {
    EXPECT_TRUE(fork_and(become_true).exited(fine));
    sleep_for(1us);  // the parent's fiber is as before
  });
}

TEST(fork, the_parent_goes_on) {
  test::run([] {
    std::atomic<int> turns{0};
    std::atomic<bool> stop{false};
    group g;
    for (int i = 0; i < 3; ++i) {
      g.spawn([&] {
        while (!stop.load()) {
          turns.fetch_add(1);
          yield();
        }
      });
    }
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(fork_and([] { ::_exit(fine); }).exited(fine));
    const int before = turns.load();
    test::give_way_until([&] { return turns.load() > before + 10; });
    stop.store(true);
  });
}

TEST(fork, run_of_the_parents_runtime_is_refused) {
  runtime rt(test::test_options());
  const outcome o = fork_and([&] { rt.run([] {}); });
  EXPECT_TRUE(o.was_refused()) << o.status << o.errors;
}

TEST(fork, spawning_into_the_parents_groups_is_refused) {
  test::run([] {
    group g;
    const outcome by_fiber = fork_and([&] { g.spawn([] {}); });
    EXPECT_TRUE(by_fiber.was_refused()) << by_fiber.status << by_fiber.errors;
    outcome by_thread{};
    std::thread([&] { by_thread = fork_and([&] { g.spawn([] {}); }); }).join();
    EXPECT_TRUE(by_thread.was_refused()) << by_thread.status << by_thread.errors;
    const outcome service = fork_and([] { services().spawn([] {}); });
    EXPECT_TRUE(service.was_refused()) << service.status << service.errors;
  });
}

TEST(fork, parking_is_refused) {
  test::run([] {
    test::gate gate;
    const outcome o = fork_and([&] { gate.pass(); });
    EXPECT_TRUE(o.was_refused()) << o.status << o.errors;
    const outcome made = fork_and([] { const group g; });
    EXPECT_TRUE(made.was_refused()) << made.status << made.errors;
  });
}

TEST(fork, returning_into_the_parents_scopes_is_refused) {
  test::run([] {
    // The child leaves the function as the parent does, and comes to the end of a group, a deadline, a task.
    const pid_t parent = ::getpid();
    const auto fork_and_return = [&] {
      const outcome o = fork_and([] {});
      EXPECT_TRUE(::getpid() != parent || o.was_refused()) << o.status << o.errors;
    };
    {
      const group g;
      fork_and_return();
    }
    {
      const deadline d(1h);
      fork_and_return();
    }
    group g;
    g.spawn(fork_and_return);
  });
}

TEST(fork, what_needs_no_fiber_works_in_the_child) {
  test::run([] {
    test::gate gate;
    EXPECT_TRUE(fork_and([&] {
                  EXPECT_FALSE(in_fiber());
                  yield();
                  sleep_for(1us);
                  check_cancelled();
                  gate.open();
                  ::_exit(fine);
                }).exited(fine));
  });
}

TEST(fork, waking_the_parents_fibers_does_nothing_in_the_child) {
  test::run([] {
    test::gate gate;
    group g;
    auto waiting = g.spawn([&] { gate.pass(); });
    yield();
    std::thread([&] {
      EXPECT_TRUE(fork_and([&] {
                    gate.open();
                    ::_exit(fine);
                  }).exited(fine));
    }).join();
    EXPECT_FALSE(waiting.done());
    gate.open();
  });
}

TEST(fork, destroying_the_parents_runtime_leaves_it_alone) {
  auto rt = std::make_unique<runtime>(test::test_options());
  EXPECT_TRUE(fork_and([&] {
                rt.reset();
                ::_exit(fine);
              }).exited(fine));
  rt->run([] { yield(); });
}

TEST(fork, signals_do_in_the_child_what_they_did_before) {
  signal_set set{SIGUSR1};
  const outcome o = fork_and([] {
    ::raise(SIGUSR1);
    ::_exit(fine);
  });
  EXPECT_TRUE(WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGUSR1) << o.status << o.errors;
  test::run([&] {
    ::raise(SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1) << "the parent still hears it";
  });
}

int sum_of_tasks() {
  return test::run([] {
    group g;
    std::vector<task<int>> tasks;
    for (int i = 0; i < 100; ++i) {
      tasks.push_back(g.spawn([i] {
        yield();
        return i;
      }));
    }
    int sum = 0;
    for (auto& t : tasks) sum += t.get();
    return sum;
  });
}

TEST(fork, the_child_can_have_a_runtime_of_its_own) {
  if (!child_may_have_threads) return;
  runtime rt(test::test_options());
  const auto try_it = [] {
    signal_set set{SIGUSR1};
    ::raise(SIGUSR1);
    const bool heard = test::run([&] { return set.wait() == SIGUSR1; });
    ::_exit(sum_of_tasks() == 4950 && heard ? fine : 1);
  };
  const outcome by_thread = fork_and(try_it);
  EXPECT_TRUE(by_thread.exited(fine)) << by_thread.status << by_thread.errors;
  rt.run([&] {
    const outcome by_fiber = fork_and(try_it);
    EXPECT_TRUE(by_fiber.exited(fine)) << by_fiber.status << by_fiber.errors;
  });
}

TEST(fork, in_the_midst_of_work_leaves_no_lock_behind) {
  if (test::sanitized) return;  // the annotations of switches have a lock of their own, which a fork may catch
  runtime rt(test::test_options());
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    rt.run([&] {
      while (!stop.load()) {
        group g;
        for (int i = 0; i < 500; ++i) g.spawn([] { yield(); });
      }
    });
  });
  for (int i = 0; i < test::rounds(50); ++i) {
    const outcome o = fork_and([] { ::_exit(sum_of_tasks() == 4950 ? fine : 1); });
    EXPECT_TRUE(o.exited(fine)) << o.status << o.errors;
  }
  stop.store(true);
  busy.join();
}

}  // namespace
}  // namespace weft
