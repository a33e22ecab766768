// Who gets a turn: nobody is starved by yielding crowds, ping-pong pairs, floods of tasks or a fiber that computes for long.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Two fibers that wake each other for ever, until told to end.
class ping_pong {
 public:
  void spawn_into(group& g) {
    for (int side = 0; side < 2; ++side) {
      g.spawn([this, side] {
        while (!end_.load()) {
          turn_[static_cast<std::size_t>(side)].pass();
          turn_[static_cast<std::size_t>(side)].close();
          turns_.fetch_add(1);
          turn_[static_cast<std::size_t>(1 - side)].open();
        }
        turn_[static_cast<std::size_t>(1 - side)].open();
      });
    }
    turn_[0].open();
  }
  void end() {
    end_.store(true);
    turn_[0].open();
    turn_[1].open();
  }
  [[nodiscard]] long turns() const { return turns_.load(); }

 private:
  std::array<test::gate, 2> turn_;
  std::atomic<bool> end_{false};
  std::atomic<long> turns_{0};
};

TEST(fairness, all_of_a_yielding_crowd_get_their_turn) {
  test::run([] {
    std::array<std::atomic<long>, 20> turns{};
    std::atomic<bool> end{false};
    group g;
    for (auto& mine : turns) {
      g.spawn([&] {
        while (!end.load()) {
          mine.fetch_add(1);
          yield();
        }
      });
    }
    for (auto& t : turns) test::give_way_until([&] { return t.load() > 100; });
    end.store(true);
  });
}

TEST(fairness, more_ready_fibers_than_a_queue_holds_all_run) {
  test::run([] {
    std::atomic<int> rounds_done{0};
    constexpr int fibers = test::rounds(10'000);
    {
      group g;
      for (int i = 0; i < fibers; ++i) {
        g.spawn([&] {
          for (int k = 0; k < 5; ++k) {
            yield();
            rounds_done.fetch_add(1);
          }
        });
      }
    }
    EXPECT_EQ(rounds_done.load(), 5 * fibers);
  });
}

TEST(fairness, all_of_many_woken_at_once_run) {
  test::run([] {
    test::gate start;
    std::atomic<int> ran{0};
    std::atomic<int> waiting{0};
    constexpr int fibers = test::rounds(10'000);
    group g;
    for (int i = 0; i < fibers; ++i) {
      g.spawn([&] {
        waiting.fetch_add(1);
        start.pass();
        ran.fetch_add(1);
      });
    }
    test::give_way_until([&] { return waiting.load() == fibers; });
    start.open();
    g.join();
    EXPECT_EQ(ran.load(), fibers);
  });
}

TEST(fairness, a_ping_pong_pair_does_not_starve_a_yielding_fiber) {
  weft::run(test::test_options(1), [] {
    ping_pong pair;
    group g;
    pair.spawn_into(g);
    test::give_way_until([&] { return pair.turns() > 100; });
    for (int i = 0; i < 200; ++i) yield();
    pair.end();
  });
}

TEST(fairness, a_ping_pong_pair_does_not_starve_a_new_task) {
  weft::run(test::test_options(1), [] {
    ping_pong pair;
    std::atomic<int> begun{0};
    group g;
    pair.spawn_into(g);
    g.spawn([&] {
      test::give_way_until([&] { return pair.turns() > 100; });
      group h;
      for (int i = 0; i < 5; ++i) {
        h.spawn([&] { begun.fetch_add(1); });
        test::give_way_until([&] { return begun.load() == i + 1; });
      }
      pair.end();
    });
  });
}

TEST(fairness, a_yielding_crowd_does_not_starve_new_tasks) {
  test::run([] {
    std::atomic<bool> end{false};
    std::atomic<int> ran{0};
    group g;
    for (int i = 0; i < 20; ++i) g.spawn([&] { test::give_way_until([&] { return end.load(); }); });
    for (int i = 0; i < 200; ++i) g.spawn([&] { ran.fetch_add(1); });
    test::give_way_until([&] { return ran.load() == 200; });
    end.store(true);
  });
}

TEST(fairness, a_yielding_crowd_does_not_starve_timers) {
  test::run([] {
    std::atomic<bool> end{false};
    group g;
    for (int i = 0; i < 20; ++i) g.spawn([&] { test::give_way_until([&] { return end.load(); }); });
    for (int i = 0; i < 10; ++i) sleep_for(100us);
    EXPECT_THROW(with_deadline(1ms, [] { sleep_for(1h); }), timeout_error);
    end.store(true);
  });
}

TEST(fairness, a_lone_yielding_fiber_does_not_starve_timers) {
  weft::run(test::test_options(1), [] {
    std::atomic<bool> slept{false};
    group g;
    g.spawn([&] {
      sleep_for(500us);
      slept.store(true);
    });
    test::give_way_until([&] { return slept.load(); });
  });
}

// A flood of tasks that each spawn the next, while others wait for a timer, a signal from outside, a function from outside.
class flood {
 public:
  void start(group& g) {
    for (int i = 0; i < 4; ++i) next(g);
  }
  void end() { end_.store(true); }

 private:
  void next(group& g) {
    if (end_.load()) return;
    g.spawn([this, &g] { next(g); });
  }
  std::atomic<bool> end_{false};
};

TEST(fairness, a_flood_of_tasks_does_not_starve_timers) {
  test::run([] {
    flood tasks;
    group g;
    tasks.start(g);
    for (int i = 0; i < 10; ++i) sleep_for(100us);
    tasks.end();
  });
}

TEST(fairness, a_flood_of_tasks_does_not_starve_yielding_fibers) {
  test::run([] {
    flood tasks;
    group g;
    tasks.start(g);
    for (int i = 0; i < 1'000; ++i) yield();
    tasks.end();
  });
}

// Keeps every worker busy with fibers that never wait until the end.
class busy_runtime {
 public:
  busy_runtime() : rt_(test::test_options()) {
    thread_ = std::thread([this] {
      rt_.run([this] {
        group g;
        for (unsigned i = 0; i < 4 * test::worker_count(); ++i) {
          g.spawn([this] {
            begun_.fetch_add(1);
            test::give_way_until([this] { return end_.load(); });
          });
        }
      });
    });
    test::give_way_until([this] { return begun_.load() == 4 * test::worker_count(); });
  }
  ~busy_runtime() {
    end_.store(true);
    thread_.join();
  }
  runtime& get() { return rt_; }

 private:
  std::atomic<unsigned> begun_{0};
  std::atomic<bool> end_{false};
  runtime rt_;
  std::thread thread_;
};

TEST(fairness, a_yielding_crowd_does_not_starve_functions_from_outside) {
  busy_runtime busy;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(busy.get().run([i] { return i; }), i);
}

TEST(fairness, a_lone_yielding_fiber_does_not_starve_functions_from_outside) {
  runtime rt(test::test_options(1));
  std::atomic<bool> begun{false};
  std::atomic<bool> end{false};
  std::thread yielding([&] {
    rt.run([&] {
      begun.store(true);
      test::give_way_until([&] { return end.load(); });
    });
  });
  test::give_way_until([&] { return begun.load(); });
  EXPECT_EQ(rt.run([] { return 8; }), 8);
  end.store(true);
  yielding.join();
}

TEST(fairness, a_flood_of_tasks_does_not_starve_functions_from_outside) {
  runtime rt(test::test_options());
  std::atomic<bool> begun{false};
  std::atomic<bool> end{false};
  std::thread flooding([&] {
    rt.run([&] {
      flood tasks;
      group g;
      tasks.start(g);
      begun.store(true);
      test::give_way_until([&] { return end.load(); });
      tasks.end();
    });
  });
  test::give_way_until([&] { return begun.load(); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rt.run([i] { return i; }), i);
  end.store(true);
  flooding.join();
}

TEST(fairness, a_yielding_crowd_does_not_starve_signals_from_outside) {
  busy_runtime busy;
  for (int i = 0; i < 10; ++i) {
    ticket waiting;
    std::atomic<bool> parked{false};
    std::thread foreign([&] {
      test::give_way_until([&] { return parked.load(); });
      EXPECT_TRUE(waiting.signal());
    });
    busy.get().run([&] {
      parker self;
      waiting = self.id();
      EXPECT_EQ(self.park([&] { parked.store(true); }), wake::signalled);
    });
    foreign.join();
  }
}

// Whatever the phase in which a regular pattern of tasks and switches begins, it must not step over every look around.
TEST(fairness, no_rhythm_of_tasks_and_switches_starves_anyone) {
  for (int phase = 0; phase < 8; ++phase) {
    for (int tasks = 1; tasks <= 4; ++tasks) {
      runtime rt(test::test_options(1));
      std::atomic<bool> begun{false};
      std::atomic<bool> end{false};
      std::thread rhythmic([&] {
        rt.run([&] {
          for (int i = 0; i < phase; ++i) yield();
          begun.store(true);
          while (!end.load()) {
            group g;
            std::vector<task<void>> handles;
            for (int i = 0; i < tasks; ++i) handles.push_back(g.spawn([] {}));
            for (auto& t : handles) (void)t.wait_for(1h);
          }
        });
      });
      test::give_way_until([&] { return begun.load(); });
      rt.run([] { sleep_for(10us); });
      end.store(true);
      rhythmic.join();
    }
  }
}

// ---------------------------------------------------------------------------------------------- beside a hog

// These need somebody else who is not computing, and idle workers that look around from time to time.
options watched_options() {
  options o = test::test_options();
  o.backstop = 1ms;
  return o;
}

TEST(fairness, tasks_behind_a_hog_run_elsewhere) {
  if (test::worker_count() == 1) return;
  test::run([] {
    std::atomic<int> ran{0};
    group g;
    for (int i = 0; i < 100; ++i) g.spawn([&] { ran.fetch_add(1); });
    while (ran.load() < 100) test::spin(1'000);
  });
}

TEST(fairness, fibers_queued_behind_a_hog_run_elsewhere) {
  if (test::worker_count() == 1) return;
  test::run([] {
    std::atomic<int> waiting{0};
    std::atomic<int> ran{0};
    test::gate start;
    group g;
    for (int i = 0; i < 100; ++i) {
      g.spawn([&] {
        waiting.fetch_add(1);
        start.pass();
        ran.fetch_add(1);
      });
    }
    test::give_way_until([&] { return waiting.load() == 100; });
    for (int i = 0; i < 50; ++i) yield();
    start.open();
    while (ran.load() < 99) test::spin(1'000);  // all but the one woken last, which is the hog's to run next
  });
}

TEST(fairness, the_fiber_a_hog_woke_last_runs_elsewhere) {
  if (test::worker_count() == 1) return;
  weft::run(watched_options(), [] {
    for (int i = 0; i < 10; ++i) {
      ticket waiting;
      std::atomic<bool> parked{false};
      std::atomic<bool> ran{false};
      group g;
      g.spawn([&] {
        parker self;
        waiting = self.id();
        self.park([&] { parked.store(true); });
        ran.store(true);
      });
      test::give_way_until([&] { return parked.load(); });
      waiting.signal();
      while (!ran.load()) test::spin(1'000);
    }
  });
}

// The same when all others have gone to sleep for good before the hog begins.
TEST(fairness, the_fiber_a_hog_woke_last_runs_elsewhere_although_all_slept) {
  if (test::worker_count() == 1) return;
  weft::run(watched_options(), [] {
    for (int i = 0; i < 5; ++i) {
      ticket waiting;
      std::atomic<bool> parked{false};
      std::atomic<bool> ran{false};
      group g;
      g.spawn([&] {
        parker self;
        waiting = self.id();
        self.park([&] { parked.store(true); });
        ran.store(true);
      });
      test::give_way_until([&] { return parked.load(); });
      sleep_for(20ms);
      waiting.signal();
      while (!ran.load()) test::spin(1'000);
    }
  });
}

TEST(fairness, timers_of_a_hogs_worker_are_fired_elsewhere_although_all_slept) {
  if (test::worker_count() == 1) return;
  weft::run(watched_options(), [] {
    for (int i = 0; i < 5; ++i) {
      test::gate begin;
      std::atomic<bool> sleeping{false};
      std::atomic<bool> slept{false};
      group g;
      g.spawn([&] {
        begin.pass();
        parker self;
        (void)self.park_until(std::chrono::steady_clock::now() + 2ms, [&] { sleeping.store(true); });
        slept.store(true);
      });
      sleep_for(20ms);
      begin.open();
      test::give_way_until([&] { return sleeping.load(); });
      while (!slept.load()) test::spin(1'000);
    }
  });
}

// Hogs on all workers but one: whatever is left runs there.
TEST(fairness, one_free_worker_serves_all) {
  if (test::worker_count() == 1) return;
  weft::run(watched_options(), [] {
    std::atomic<bool> end{false};
    std::atomic<unsigned> hogs{0};
    group g;
    for (unsigned i = 0; i + 1 < test::worker_count(); ++i) {
      g.spawn([&] {
        hogs.fetch_add(1);
        while (!end.load()) test::spin(1'000);
      });
    }
    test::give_way_until([&] { return hogs.load() + 1 == test::worker_count(); });
    group h;
    std::atomic<int> ended{0};
    for (int i = 0; i < 100; ++i) {
      h.spawn([&] {
        yield();
        sleep_for(100us);
        ended.fetch_add(1);
      });
    }
    h.join();
    EXPECT_EQ(ended.load(), 100);
    end.store(true);
  });
}

}  // namespace
}  // namespace weft
