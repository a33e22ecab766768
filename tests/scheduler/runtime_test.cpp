// Runtimes: started and stopped, several at once, entered from everywhere; their options and statistics.
#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

std::size_t entries_of(const char* folder) {
  std::size_t n = 0;
  DIR* d = ::opendir(folder);
  while (d != nullptr && ::readdir(d) != nullptr) ++n;
  if (d != nullptr) ::closedir(d);
  return n;
}

TEST(runtime, run_returns_what_the_function_returns) {
  EXPECT_EQ(test::run([] { return 5; }), 5);
  EXPECT_EQ(*test::run([] { return std::make_unique<int>(6); }), 6);
  bool ran = false;
  test::run([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(runtime, run_throws_what_the_function_throws) {
  EXPECT_THROW(test::run([] { throw std::out_of_range("thrown"); }), std::out_of_range);
  EXPECT_THROW(test::run([]() -> int { throw 5; }), int);
  EXPECT_THROW(test::run([] {
                 group g;
                 g.cancel();
                 yield();
               }),
               cancelled);
}

TEST(runtime, run_calls_lvalues_rvalues_and_const_functions) {
  struct counting {
    int calls = 0;
    int operator()() { return ++calls; }
  } function;
  runtime rt(test::test_options());
  EXPECT_EQ(rt.run(function), 1);
  EXPECT_EQ(rt.run(function), 2);
  EXPECT_EQ(function.calls, 2);
  const auto constant = [] { return 7; };
  EXPECT_EQ(rt.run(constant), 7);
}

TEST(runtime, without_options_uses_the_cpus_that_there_are) {
  EXPECT_GE(available_cpus(), 1U);
  runtime rt;
  EXPECT_EQ(rt.workers(), available_cpus());
  EXPECT_EQ(weft::run([] { return 3; }), 3);
}

TEST(runtime, run_may_be_called_again_and_again) {
  runtime rt(test::test_options());
  for (int i = 0; i < test::rounds(2'000); ++i) EXPECT_EQ(rt.run([i] { return i; }), i);
}

TEST(runtime, run_may_be_called_by_several_threads_at_once) {
  runtime rt(test::test_options());
  std::atomic<int> total{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < test::rounds(300); ++i) {
        rt.run([&] {
          group g;
          for (int k = 0; k < 5; ++k) {
            g.spawn([&] {
              yield();
              total.fetch_add(1);
            });
          }
        });
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(total.load(), 4 * test::rounds(300) * 5);
}

TEST(runtime, run_on_its_own_fiber_is_a_call) {
  runtime rt(test::test_options());
  rt.run([&] {
    const void* here = __builtin_frame_address(0);
    rt.run([&] {
      const auto distance = static_cast<const char*>(here) - static_cast<const char*>(__builtin_frame_address(0));
      EXPECT_LT(std::abs(distance), 64 << 10) << "another stack";
      EXPECT_THROW(rt.run([] { throw 1; }), int);
    });
  });
}

TEST(runtime, run_on_another_runtimes_fiber_makes_only_that_fiber_wait) {
  runtime a(test::test_options(1));
  runtime b(test::test_options(1));
  a.run([&] {
    std::atomic<bool> go_on{false};
    group g;
    auto visitor = g.spawn([&] {
      return b.run([&] {
        EXPECT_TRUE(in_fiber());
        test::give_way_until([&] { return go_on.load(); });
        return a.run([] { return 9; });
      });
    });
    yield();
    go_on.store(true);  // the only worker of `a` is not blocked
    EXPECT_EQ(visitor.get(), 9);
  });
}

TEST(runtime, a_runtime_may_live_within_a_fiber) {
  test::run([] {
    group g;
    for (int i = 0; i < 4; ++i) {
      g.spawn([i] { EXPECT_EQ(weft::run(test::test_options(1), [i] { return i; }), i); });
    }
  });
}

TEST(runtime, several_at_once_do_not_disturb_each_other) {
  runtime a(test::test_options());
  runtime b(test::test_options());
  std::atomic<int> sum{0};
  auto work = [&](runtime& rt) {
    rt.run([&] {
      group g;
      for (int i = 0; i < test::rounds(1'000); ++i) {
        g.spawn([&] {
          yield();
          if (sum.fetch_add(1) % 50 == 0) sleep_for(10us);
        });
      }
    });
  };
  std::thread other([&] { work(a); });
  work(b);
  other.join();
  EXPECT_EQ(sum.load(), 2 * test::rounds(1'000));
}

TEST(runtime, fibers_of_different_runtimes_wake_each_other) {
  runtime a(test::test_options());
  runtime b(test::test_options());
  for (int i = 0; i < test::rounds(100); ++i) {
    ticket waiting;
    std::atomic<bool> parked{false};
    std::thread other([&] {
      a.run([&] {
        parker self;
        waiting = self.id();
        EXPECT_EQ(self.park([&] { parked.store(true); }), wake::signalled);
      });
    });
    b.run([&] {
      test::give_way_until([&] { return parked.load(); });
      EXPECT_TRUE(waiting.signal());
    });
    other.join();
  }
}

TEST(runtime, starting_and_stopping_leaves_nothing_behind) {
  auto use = [] {
    options o = test::test_options();
    o.spin = 0ns;
    weft::run(o, [] {
      group g;
      for (int i = 0; i < 10; ++i) g.spawn([] { sleep_for(1us); });
      g.spawn([] { blocking([] {}); });
    });
  };
  for (int i = 0; i < 3; ++i) use();
  const std::size_t threads = entries_of("/proc/self/task");
  const std::size_t descriptors = entries_of("/proc/self/fd");
  for (int i = 0; i < test::rounds(200); ++i) use();
  EXPECT_EQ(entries_of("/proc/self/fd"), descriptors);
  test::give_way_until([&] { return entries_of("/proc/self/task") <= threads; });  // helper threads end on their own
}

TEST(runtime, can_be_stopped_at_once_and_unused) {
  for (int i = 0; i < test::rounds(200); ++i) runtime rt(test::test_options());
}

TEST(runtime, more_workers_than_cpus_work) {
  weft::run(test::test_options(8), [] {
    std::atomic<int> ended{0};
    {
      group g;
      for (int i = 0; i < test::rounds(2'000); ++i) {
        g.spawn([&, i] {
          if (i % 3 == 0) yield();
          if (i % 20 == 0) sleep_for(20us);
          ended.fetch_add(1);
        });
      }
    }
    EXPECT_EQ(ended.load(), test::rounds(2'000));
  });
}

TEST(runtime, the_most_workers_work) {
  options o = test::test_options(256);
  o.spin = 0ns;
  runtime rt(o);
  EXPECT_EQ(rt.workers(), 256U);
  rt.run([] {
    group g;
    for (int i = 0; i < 300; ++i) g.spawn([] { yield(); });
  });
}

TEST(runtime, options_that_make_no_sense_are_refused) {
  options o;
  o.workers = 257;
  try {
    runtime rt(o);
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find("options::workers is 257; the most is 256"), std::string::npos) << e.what();
  }
}

TEST(runtime, tells_its_workers_apart) {
  EXPECT_EQ(current_worker(), -1);
  weft::run(test::options_without_spares(), [] {
    std::vector<std::atomic<int>> seen(test::worker_count());
    group g;
    for (int i = 0; i < 100; ++i) {
      g.spawn([&] {
        for (int k = 0; k < 10; ++k) {
          ASSERT_GE(current_worker(), 0);
          ASSERT_LT(current_worker(), static_cast<int>(test::worker_count()));
          seen[static_cast<std::size_t>(current_worker())].fetch_add(1);
          yield_after_slice();
        }
      });
    }
  });
}

// ---------------------------------------------------------------------------------------------- idleness

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

TEST(runtime, idle_workers_sleep) {
  options o = test::test_options(4);
  o.backstop = 10ms;
  runtime rt(o);
  rt.run([] {});
  const double before = cpu_seconds();
  // All of its time this fiber sleeps, and so does everybody else; 4 workers that looked about would use far more.
  rt.run([] { sleep_for(300ms); });
  EXPECT_LT(cpu_seconds() - before, 0.15);
  test::give_way_until([&] { return rt.statistics().total().sleeps >= 4; });
}

TEST(runtime, sleeping_workers_wake_for_work_from_outside) {
  options o = test::test_options();
  o.spin = 0ns;
  runtime rt(o);
  for (int i = 0; i < test::rounds(500); ++i) {
    const auto sleeps = rt.statistics().total().sleeps;
    if (i % 10 == 0) test::give_way_until([&] { return rt.statistics().total().sleeps >= sleeps; });
    EXPECT_EQ(rt.run([i] { return i; }), i);
  }
}

// ---------------------------------------------------------------------------------------------- statistics

TEST(statistics, count_what_was_done) {
  runtime rt(test::options_without_spares());
  const auto before = rt.statistics().total();
  rt.run([] {
    std::atomic<int> begun{0};
    group g;
    for (int i = 0; i < 100; ++i) {
      g.spawn([&] {
        begun.fetch_add(1);
        while (begun.load() < 100) sleep_for(10us);
      });
    }
  });
  const runtime_statistics s = rt.statistics();
  const auto after = s.total();
  EXPECT_EQ(s.workers.size(), test::worker_count());
  EXPECT_EQ(after.spawns - before.spawns, 100U);
  EXPECT_GE(after.tasks_run - before.tasks_run, 100U);
  EXPECT_GE(after.parks - before.parks, 100U);
  EXPECT_GE(after.switches - before.switches, 200U);
  EXPECT_GE(s.fibers_created, 100U);
  EXPECT_GE(s.stacks_live, 100U);
}

TEST(statistics, only_grow) {
  runtime rt(test::test_options());
  std::atomic<bool> end{false};
  std::thread looking([&] {
    worker_statistics last;
    while (!end.load()) {
      const auto now = rt.statistics().total();
      EXPECT_GE(now.switches, last.switches);
      EXPECT_GE(now.spawns, last.spawns);
      EXPECT_GE(now.tasks_run, last.tasks_run);
      EXPECT_GE(now.parks, last.parks);
      EXPECT_GE(now.tasks_stolen, last.tasks_stolen);
      EXPECT_GE(now.fibers_stolen, last.fibers_stolen);
      EXPECT_GE(now.wakes, last.wakes);
      EXPECT_GE(now.sleeps, last.sleeps);
      EXPECT_GE(now.operations, last.operations);
      last = now;
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < test::rounds(100); ++i) {
    rt.run([] {
      group g;
      for (int k = 0; k < 50; ++k) g.spawn([] { yield(); });
    });
  }
  end.store(true);
  looking.join();
}

TEST(statistics, are_the_callers_runtimes_and_none_outside) {
  EXPECT_THROW((void)runtime::current_statistics(), std::logic_error);
  weft::run(test::test_options(3), [] { EXPECT_EQ(runtime::current_statistics().workers.size(), 3U); });
}

TEST(statistics, of_workers_add_up) {
  worker_statistics a;
  a.switches = 1;
  a.operations = 2;
  worker_statistics b;
  b.switches = 10;
  b.wakes = 5;
  a += b;
  EXPECT_EQ(a.switches, 11U);
  EXPECT_EQ(a.operations, 2U);
  EXPECT_EQ(a.wakes, 5U);
}

}  // namespace
}  // namespace weft
