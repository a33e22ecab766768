// Each of these hangs if nobody takes over what waits behind the stuck worker.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/thread_state.hpp>
#include <weft/scheduler/scheduler.hpp>

#include <scheduler/gate.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Its read blocks the thread, as weft knows nothing of it.
class raw_pipe {
 public:
  raw_pipe() {
    if (::pipe(ends_.data()) != 0) throw std::runtime_error("no pipe");
  }
  ~raw_pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  raw_pipe(const raw_pipe&) = delete;
  raw_pipe& operator=(const raw_pipe&) = delete;

  void block_until_written() {
    char c = 0;
    EXPECT_EQ(::read(ends_[0], &c, 1), 1);
  }
  void write() { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }

 private:
  std::array<int, 2> ends_{};
};

std::size_t threads_of_this_process() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++n;
  return n;
}

void block_every_worker_and_free_them_by(auto&& release) {
  const unsigned workers = test::worker_count();
  std::vector<raw_pipe> pipes(workers);
  group g;
  for (unsigned i = 0; i < workers; ++i) g.spawn([&pipes, i] { pipes[i].block_until_written(); });
  release(g, pipes);
}

TEST(monitor, timers_go_on_behind_blocked_workers) {
  test::run([] {
    block_every_worker_and_free_them_by([](group& g, auto& pipes) {
      g.spawn([&pipes] {
        for (int i = 0; i < 20; ++i) sleep_for(1ms);
        for (raw_pipe& p : pipes) p.write();
      });
    });
  });
}

TEST(monitor, tasks_behind_blocked_workers_run) {
  test::run([] {
    block_every_worker_and_free_them_by([](group&, auto& pipes) {
      for (raw_pipe& p : pipes) {
        group inner;
        inner.spawn([&p] { p.write(); });
        yield();
      }
    });
  });
}

TEST(monitor, a_task_that_blocks_before_those_it_spawned_do_not) {
  test::run([] {
    raw_pipe p;
    group g;
    g.spawn([&] { p.write(); });
    p.block_until_written();
  });
}

TEST(monitor, fibers_woken_by_one_who_then_blocks_run) {
  test::run([] {
    raw_pipe p;
    test::gate go;
    std::atomic<bool> waits{false};
    group g;
    g.spawn([&] {
      waits.store(true);
      go.pass();
      p.write();
    });
    test::give_way_until([&] { return waits.load(); });
    for (int i = 0; i < 10; ++i) yield();
    go.open();
    p.block_until_written();
  });
}

TEST(monitor, more_may_be_blocked_than_there_are_workers) {
  test::run([] {
    std::vector<raw_pipe> pipes(8);
    group g;
    for (raw_pipe& p : pipes) g.spawn([&p] { p.block_until_written(); });
    g.spawn([&] {
      for (raw_pipe& p : pipes) {
        sleep_for(100us);
        p.write();
      }
    });
  });
}

TEST(monitor, those_who_wait_get_on_beside_fibers_that_compute) {
  test::run([] {
    std::atomic<bool> enough{false};
    group g;
    for (unsigned i = 0; i < test::worker_count(); ++i) {
      g.spawn([&] {
        while (!enough.load()) {
        }
      });
    }
    g.spawn([&] {
      for (int i = 0; i < 20; ++i) sleep_for(1ms);
      enough.store(true);
    });
  });
}

TEST(monitor, a_call_from_outside_is_served_behind_blocked_workers) {
  runtime rt(test::test_options());
  std::vector<raw_pipe> pipes(test::worker_count());
  std::vector<std::thread> callers;
  for (raw_pipe& p : pipes) {
    callers.emplace_back([&] { rt.run([&] { p.block_until_written(); }); });
  }
  rt.run([&] {
    for (raw_pipe& p : pipes) p.write();
  });
  for (std::thread& t : callers) t.join();
}

TEST(monitor, a_contended_lock_of_a_file_does_not_hold_up_others) {
  const std::string path = ::testing::TempDir() + "weft_monitor_lock";
  test::run([&] {
    const int held = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    const int wanted = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::flock(held, LOCK_EX), 0);
    {
      group g;
      g.spawn([&] { EXPECT_EQ(::flock(wanted, LOCK_EX), 0); });
      g.spawn([&] {
        sleep_for(2ms);
        EXPECT_EQ(::flock(held, LOCK_UN), 0);
      });
    }
    ::close(held);
    ::close(wanted);
  });
  std::filesystem::remove(path);
}

TEST(monitor, spares_leave_and_come_back) {
  runtime rt(test::test_options());
  for (unsigned round = 0; round < 3; ++round) {
    rt.run([&rt, round] {
      block_every_worker_and_free_them_by([&rt, round](group& g, auto& pipes) {
        g.spawn([&rt, &pipes, round] {
          while (rt.statistics().blocks_noticed <= round) sleep_for(1ms);
          for (raw_pipe& p : pipes) p.write();
        });
      });
    });
    test::give_way_until([&] { return rt.statistics().spares_on_duty == 0; });
  }
  EXPECT_GE(rt.statistics().blocks_noticed, 3U);
}

TEST(monitor, a_spare_that_leaves_hands_its_work_over) {
  test::random_source random;
  runtime rt(test::test_options());
  rt.run([&] {
    std::atomic<bool> stop{false};
    std::atomic<int> ticks{0};
    group tickers;
    for (int i = 0; i < 50; ++i) {
      tickers.spawn([&, pause = 100us * (1 + random.below(20))] {
        while (!stop.load()) {
          sleep_for(pause);
          ticks.fetch_add(1);
        }
      });
    }
    block_every_worker_and_free_them_by([&](group& g, auto& pipes) {
      g.spawn([&] {
        const int before = ticks.load();
        while (ticks.load() < before + 500) sleep_for(1ms);
        for (raw_pipe& p : pipes) p.write();
      });
    });
    while (rt.statistics().spares_on_duty > 0) sleep_for(1ms);
    const int before = ticks.load();
    while (ticks.load() < before + 500) sleep_for(1ms);
    stop.store(true);
  });
}

// What the monitor has told, from its own thread.
class stall_log {
 public:
  options listening() {
    options o = test::test_options();
    o.on_stall = [this](const stall_report& r) {
      std::lock_guard guard(mutex_);
      reports_.push_back(r);
      if (r.kind == stall_kind::computing) told_of_a_hog.store(true);
    };
    return o;
  }
  std::atomic<bool> told_of_a_hog{false};
  std::vector<stall_report> reports() {
    std::lock_guard guard(mutex_);
    return reports_;
  }

 private:
  std::mutex mutex_;
  std::vector<stall_report> reports_;
};

TEST(monitor, reports_a_place_that_blocks_once_with_its_stack) {
  stall_log log;
  runtime rt(log.listening());
  raw_pipe p;
  std::atomic<int> blocked{0};
  // Without a helper the only one that could write is behind it.
  std::thread writer([&] {
    for (int i = 1; i <= 3; ++i) {
      test::give_way_until(
          [&] { return blocked.load() == i && rt.statistics().blocks_noticed >= static_cast<unsigned>(i); });
      test::give_way_until([&] { return !log.reports().empty(); });
      p.write();
    }
  });
  rt.run([&] {
    group g;
    g.spawn(
        [&] {
          for (int i = 0; i < 3; ++i) {
            blocked.fetch_add(1);
            p.block_until_written();
            yield();
          }
        },
        {.name = "reader"});
  });
  writer.join();
  const std::vector<stall_report> reports = log.reports();
#ifdef WEFT_HAS_STACKS
  ASSERT_EQ(reports.size(), 1U) << to_string(reports.back());
#else
  ASSERT_FALSE(reports.empty());  // a sanitizer's interceptor hides its callers, each time other ones
#endif
  EXPECT_EQ(reports[0].kind, stall_kind::blocked);
  EXPECT_EQ(reports[0].task, "reader");
  EXPECT_NE(reports[0].spawned.find("monitor_test.cpp:"), std::string::npos) << reports[0].spawned;
#ifdef WEFT_HAS_STACKS
  EXPECT_NE(reports[0].stack.find("block_until_written"), std::string::npos) << reports[0].stack;
#endif
  EXPECT_NE(to_string(reports[0]).find("weft::blocking()"), std::string::npos);
}

TEST(monitor, reports_a_fiber_that_computes_while_others_wait) {
  stall_log log;
  weft::run(log.listening(), [&] {
    group g;
    for (unsigned i = 0; i < test::worker_count(); ++i) {
      g.spawn(
          [&] {
            while (!log.told_of_a_hog.load()) {
            }
          },
          {.name = "hog"});
    }
    g.spawn([&] {
      while (!log.told_of_a_hog.load()) sleep_for(1ms);
    });
  });
  const std::vector<stall_report> reports = log.reports();
  const auto hog = std::find_if(reports.begin(), reports.end(),
                                [](const stall_report& r) { return r.kind == stall_kind::computing; });
  ASSERT_NE(hog, reports.end());
  EXPECT_TRUE(hog->task == "hog" || hog->task.empty()) << hog->task;
}

// Workers that share a CPU with many others are seen not to have moved for long, again and again.
TEST(monitor, takes_a_worker_that_gets_no_cpu_for_no_hog) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  std::size_t first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);  // threads inherit it
  {
    std::atomic<bool> end{false};
    std::vector<std::jthread> crowd;
    for (int i = 0; i < 12; ++i) {
      crowd.emplace_back([&end] {
        while (!end.load(std::memory_order_relaxed)) {
        }
      });
    }
    runtime rt(test::test_options());
    rt.run([] {
      group g;
      for (unsigned i = 0; i < 2 * test::worker_count(); ++i) {
        g.spawn([until = std::chrono::steady_clock::now() + 300ms] {
          while (std::chrono::steady_clock::now() < until) yield();
        });
      }
    });
    end.store(true);
    const runtime_statistics after = rt.statistics();
    EXPECT_TRUE(after.workers.size() == test::worker_count() || after.blocks_noticed > 0) << "a spare was sent";
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(monitor, may_be_left_out) {
  options with = test::test_options();
  options without = with;
  without.monitor = false;
  std::size_t threads_without = 0;
  weft::run(without, [&] {
    sleep_for(20ms);  // longer than until the first look
    threads_without = threads_of_this_process();
  });
  weft::run(with, [&] { test::give_way_until([&] { return threads_of_this_process() == threads_without + 1; }); });
}

TEST(thread_state, tells_who_waits) {
  EXPECT_EQ(detail::state_of_thread(::gettid()), detail::thread_state::runnable);
  raw_pipe p;
  std::atomic<pid_t> id{0};
  std::thread waiting([&] {
    id.store(::gettid());
    p.block_until_written();
  });
  test::give_way_until(
      [&] { return id.load() != 0 && detail::state_of_thread(id.load()) == detail::thread_state::waiting; });
  p.write();
  waiting.join();
  test::give_way_until([&] { return detail::state_of_thread(id.load()) == detail::thread_state::unknown; });
}

}  // namespace
}  // namespace weft
