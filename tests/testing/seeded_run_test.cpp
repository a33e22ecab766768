// Seeded runs: the same seed gives the same order, in any process; other seeds give all orders; what fails is told with its seed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <limits.h>
#include <unistd.h>
#include <array>
#include <cstdio>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <testing/programs.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/parallel.hpp>
#include <weft/scheduler/services.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Uses a little of everything.
void small_program(std::string& order) {
  mutex m;
  event ready;
  group g;
  for (char name : {'a', 'b', 'c'}) {
    g.spawn([&, name] {
      ready.wait();
      std::lock_guard guard(m);
      order += name;
      sleep_for(std::chrono::milliseconds(name));
      yield();
      order += name;
    });
  }
  ready.set();
  group inner;
  auto t = inner.spawn([] { return 1; });
  t.get();
}

TEST(seeded_run, repeats_the_order_of_its_seed) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::string first, second;
    const auto a = testing::run({.seed = seed}, [&] { small_program(first); });
    const auto b = testing::run({.seed = seed}, [&] { small_program(second); });
    EXPECT_EQ(first, second);
    EXPECT_EQ(a.trace, b.trace);
    EXPECT_EQ(a.switches, b.switches);
  }
}

// What came before must not matter: a schedule found by exploring is replayed alone.
TEST(seeded_run, takes_the_same_order_alone_as_after_others) {
  std::vector<std::string> explored;
  testing::explore({.seed = 10, .schedules = 50}, [&] { small_program(explored.emplace_back()); });
  for (std::uint64_t i = 0; i < explored.size(); ++i) {
    std::string alone;
    testing::run({.seed = 10 + i}, [&] { small_program(alone); });
    EXPECT_EQ(alone, explored[i]);
  }
}

testing::report traced_run() {
  std::string order;
  return testing::explore({.seed = 99, .schedules = 100}, [&] { small_program(order); });
}

TEST(seeded_run, prints_its_trace) {
  std::printf("trace: %llx\n", static_cast<unsigned long long>(traced_run().trace));
}

TEST(seeded_run, takes_the_same_order_in_another_process) {
  std::array<char, PATH_MAX> self{};
  ASSERT_GT(::readlink("/proc/self/exe", self.data(), self.size() - 1), 0);
  const std::string command = std::string(self.data()) + " --gtest_filter=seeded_run.prints_its_trace";
  const std::unique_ptr<FILE, int (*)(FILE*)> child(::popen(command.c_str(), "r"), &::pclose);
  ASSERT_NE(child, nullptr);
  unsigned long long trace = 0;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), child.get()) != nullptr) std::sscanf(line.data(), "trace: %llx", &trace);
  EXPECT_EQ(trace, traced_run().trace);
}

TEST(seeded_run, other_seeds_give_every_order) {
  std::set<std::string> orders;
  testing::explore({.schedules = 2'000}, [&] {
    std::string order;
    {
      group g;
      for (char name : {'a', 'b', 'c', 'd'}) {
        g.spawn([&, name] { order += name; });
      }
    }
    orders.insert(order);
  });
  EXPECT_EQ(orders.size(), 24U);
}

TEST(seeded_run, switches_between_two_operations_that_need_not_wait) {
  bool spawned_first = false, overtaken = false;
  test::explore(200, [&] {
    int step = 0;
    {
      group g;
      g.spawn([&] { step = 1; });
      (step == 1 ? spawned_first : overtaken) = true;
    }
  });
  EXPECT_TRUE(spawned_first);
  EXPECT_TRUE(overtaken);
}

TEST(seeded_run, schedule_points_are_nothing_outside) {
  schedule_point();
  test::run([] { schedule_point(); });
}

TEST(seeded_run, splits_parallel_loops_and_repeats_their_order) {
  const auto loop = [](std::vector<int>& order) { parallel_for(0, 20, [&](int i) { order.push_back(i); }); };
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    std::vector<int> first, second;
    testing::run({.seed = seed}, [&] { loop(first); });
    testing::run({.seed = seed}, [&] { loop(second); });
    EXPECT_EQ(first, second);
    EXPECT_EQ(first.size(), 20U);
    orders.insert(first);
  }
  EXPECT_GT(orders.size(), 10U);
}

TEST(seeded_run, throws_what_the_schedule_throws_and_says_how_to_replay_it) {
  const auto fails_sometimes = [] {
    int turn = 0;
    group g;
    g.spawn([&] { turn = 1; });
    if (turn == 1) throw std::domain_error("found");
  };
  ::testing::internal::CaptureStderr();
  EXPECT_THROW(testing::explore({.schedules = 1'000}, fails_sometimes), std::domain_error);
  const std::string told = ::testing::internal::GetCapturedStderr();
  unsigned long long seed = 0;
  ASSERT_EQ(std::sscanf(told.c_str(), "weft::testing: the schedule of seed %llu failed: found", &seed), 1) << told;
  EXPECT_NE(told.find("weft::testing::run({.seed = " + std::to_string(seed) + "}"), std::string::npos) << told;
  EXPECT_THROW(testing::run({.seed = seed}, fails_sometimes), std::domain_error);
}

TEST(seeded_run, a_task_that_fails_fails_the_schedule) {
  EXPECT_THROW(testing::explore({},
                                [] {
                                  group g;
                                  g.spawn([] { throw std::domain_error("task"); });
                                }),
               group_error);
}

TEST(seeded_run, stops_where_the_callback_says_so) {
  int schedules = 0;
  const auto r = testing::explore({.seed = 5, .failed = [&] { return schedules == 3; }}, [&] { ++schedules; });
  EXPECT_EQ(r.schedules, 3U);
  EXPECT_EQ(r.failing_seed, 7U);
}

TEST(seeded_run, the_environment_names_the_one_schedule_to_run) {
  ::setenv("WEFT_TESTING_SEED", "42", 1);
  const auto r = testing::explore({.seed = 5, .failed = [] { return true; }}, [] { yield(); });
  ::unsetenv("WEFT_TESTING_SEED");
  EXPECT_EQ(r.schedules, 1U);
  EXPECT_EQ(r.failing_seed, 42U);
}

TEST(seeded_run, prints_the_choices_on_demand) {
  ::testing::internal::CaptureStderr();
  testing::run({.print = true}, [] {
    group g;
    g.spawn([] {}, {.name = "worker bee"});
    g.spawn([] { yield(); }, {.name = "drone"});
  });
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(told.find("begins worker bee"), std::string::npos) << told;
  EXPECT_NE(told.find("begins drone"), std::string::npos) << told;
}

TEST(seeded_run, a_deadlock_that_is_printed_says_who_waits) {
  ::testing::internal::CaptureStderr();
  EXPECT_THROW(testing::run({.print = true},
                            [] {
                              event never;
                              group g;
                              g.spawn([&] { never.wait(); }, {.name = "patient"});
                            }),
               testing::stuck_error);
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, ::testing::HasSubstr("begins patient"));
  EXPECT_THAT(told, ::testing::HasSubstr("weft: 1 runtime"));  // the dump
}

TEST(seeded_run, a_wait_that_nothing_can_end_is_a_deadlock) {
  EXPECT_THROW(testing::run({}, [] { event().wait(); }), testing::stuck_error);
  EXPECT_THROW(testing::run({},
                            [] {
                              event never;
                              group g;
                              g.spawn([&] { never.wait(); });
                            }),
               testing::stuck_error);
  int after = 0;
  EXPECT_EQ(testing::run({}, [&] { ++after; }).schedules, 1U);
  EXPECT_EQ(after, 1);
}

TEST(seeded_run, finds_the_deadlock_of_two_locks_in_two_orders) {
  const auto crossed = [] {
    mutex a, b;
    group g;
    g.spawn([&] { std::scoped_lock first(a), second(b); });
    g.spawn([&] {
      std::lock_guard first(b);
      std::lock_guard second(a);
    });
  };
  EXPECT_THROW(testing::explore({.schedules = 1'000}, crossed), testing::stuck_error);
}

TEST(seeded_run, a_schedule_without_end_is_given_up) {
  EXPECT_THROW(testing::run({.most_switches = 1'000},
                            [] {
                              group g;
                              g.spawn([] {
                                for (;;) yield();
                              });
                              for (;;) yield();
                            }),
               testing::stuck_error);
}

using seeded_run_death = ::testing::Test;

TEST(seeded_run_death, a_wait_that_ignores_cancellation_ends_the_process) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(testing::run({.seed = 17},
                            [] {
                              parker self(parker::cancellation::ignored);
                              self.park();
                            }),
               "seed 17: deadlock");
}

TEST(seeded_run, waits_for_blocking_calls) {
  testing::explore({.schedules = 20}, [] {
    group g;
    int n = 0;
    for (int i = 0; i < 3; ++i) g.spawn([&] { n += blocking([] { return 1; }); });
    g.join();
    EXPECT_EQ(n, 3);
  });
}

TEST(seeded_run, services_end_with_their_schedule) {
  int running = 0;
  testing::explore({.schedules = 200, .failed = [&] { return running != 0; }}, [&] {
    services().spawn([&] {
      ++running;
      event never;
      try {
        never.wait();
      } catch (const cancelled&) {
        --running;
        throw;
      }
    });
    yield();
  });
  EXPECT_EQ(running, 0);
}

TEST(seeded_run, several_at_once_do_not_disturb_each_other_nor_ordinary_runtimes) {
  const auto expected = traced_run().trace;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(traced_run().trace, expected); });
  }
  test::run([] {
    group g;
    for (int i = 0; i < 1'000; ++i) g.spawn([] { yield(); });
  });
  for (auto& t : threads) t.join();
}

TEST(seeded_run, may_be_made_on_a_fiber_of_another_runtime) {
  test::run([] {
    std::string order;
    testing::run({}, [&] { small_program(order); });
    EXPECT_EQ(order.size(), 6U);
  });
}

}  // namespace
}  // namespace weft
