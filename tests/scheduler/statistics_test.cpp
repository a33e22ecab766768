// statistics(): what is counted, where the time goes, how deep the stacks were, and the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/detail/counter.hpp>
#include <weft/scheduler/detail/stack_pool.hpp>
#include <weft/scheduler/detail/time_account.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// ---------------------------------------------------------------------------------------------------- the pieces

TEST(counter, counts_up_and_down_and_is_never_torn) {
  detail::counter c;
  c.add();
  c.add(5'000'000'000);
  c.subtract(2);
  EXPECT_EQ(c.get(), 4'999'999'999U);
}

TEST(counter, is_read_while_it_counts) {
  detail::counter c;
  std::atomic<bool> end{false};
  std::thread reader([&] {
    for (std::uint64_t last = 0; !end.load();) {
      const std::uint64_t now = c.get();
      EXPECT_GE(now, last);
      last = now;
    }
  });
  for (int i = 0; i < test::rounds(1'000'000); ++i) c.add();
  end.store(true);
  reader.join();
  EXPECT_EQ(c.get(), static_cast<std::uint64_t>(test::rounds(1'000'000)));
}

TEST(time_account, sums_by_activity) {
  detail::time_account account;
  EXPECT_EQ(account.read(), detail::time_account::sums{});
  const auto start = clock::now() - 100s;
  account.enter(detail::activity::running, start);
  account.enter(detail::activity::searching, start + 7s);
  account.enter(detail::activity::running, start + 9s);
  account.enter(detail::activity::asleep, start + 10s);
  const auto [running, searching, asleep] = account.read();
  EXPECT_EQ(running, 8s);
  EXPECT_EQ(searching, 2s);
  EXPECT_GE(asleep, 90s) << "what goes on counts, too";
  EXPECT_LT(asleep, 100s);
}

TEST(time_account, readers_never_see_half_a_change) {
  detail::time_account account;
  const auto start = clock::now();
  account.enter(detail::activity::running, start);
  std::atomic<bool> end{false};
  std::thread reader([&] {
    while (!end.load()) {
      const auto before = clock::now();
      const auto [running, searching, asleep] = account.read();
      EXPECT_GE(running + searching + asleep, before - start);
      EXPECT_LE(running + searching + asleep, clock::now() - start);
    }
  });
  for (int i = 0; i < test::rounds(100'000); ++i) {
    account.enter(static_cast<detail::activity>(i % 3), clock::now());
  }
  end.store(true);
  reader.join();
}

// ---------------------------------------------------------------------------------------------------- workers

TEST(worker_statistics, sum_up_every_field) {
  worker_statistics a{.switches = 1,
                      .spawns = 2,
                      .tasks_run = 3,
                      .parks = 4,
                      .tasks_stolen = 5,
                      .fibers_stolen = 6,
                      .wakes_sent = 7,
                      .wakes = 8,
                      .sleeps = 9,
                      .operations = 10,
                      .running = 11ns,
                      .searching = 12ns,
                      .asleep = 13ns};
  a += worker_statistics(a);
  EXPECT_EQ(a.switches + a.spawns + a.tasks_run + a.parks + a.tasks_stolen, 2 * 15U);
  EXPECT_EQ(a.fibers_stolen + a.wakes_sent + a.wakes + a.sleeps + a.operations, 2 * 40U);
  EXPECT_EQ(a.running + a.searching + a.asleep, 72ns);
}

TEST(worker_statistics, times_add_up_to_the_workers_life) {
  const auto before = clock::now();
  runtime rt(test::test_options());
  test::give_way_until([&] {
    const auto workers = rt.statistics().workers;
    return std::all_of(workers.begin(), workers.end(), [](const worker_statistics& w) { return w.running > 0ns; });
  });
  const auto started = clock::now();
  rt.run([] { sleep_for(20ms); });
  const auto from = clock::now();
  runtime_statistics s = rt.statistics();
  const auto to = clock::now();
  s.workers.resize(test::worker_count());  // a spare may have come later
  for (const worker_statistics& w : s.workers) {
    const auto life = w.running + w.searching + w.asleep;
    EXPECT_LE(life, to - before);
    EXPECT_GE(life, from - started);
  }
  EXPECT_GE(s.total().asleep, 10ms) << "all slept while the only fiber did";
}

TEST(worker_statistics, computing_is_running) {
  runtime rt(test::test_options());
  const auto before = rt.statistics().total().running;
  const auto spent = rt.run([] {
    const auto start = clock::now();
    while (clock::now() - start < 20ms) test::spin(100);
    return clock::now() - start;
  });
  EXPECT_GE(rt.statistics().total().running - before, spent);
}

TEST(worker_statistics, wakes_that_workers_send_arrive) {
  runtime rt(test::test_options());
  for (int i = 0; i < 20; ++i) {
    rt.run([] {
      group g;
      for (int k = 0; k < 10; ++k) g.spawn([] { sleep_for(50us); });
    });
  }
  test::give_way_until([&] {
    const auto total = rt.statistics().total();
    return total.wakes_sent <= total.wakes;  // the sender counts last
  });
  if (test::worker_count() == 1) {
    EXPECT_EQ(rt.statistics().total().wakes_sent, 0U) << "there was nobody to wake";
  }
}

// ---------------------------------------------------------------------------------------------------- the runtime

TEST(runtime_statistics, tell_idle_stacks_from_those_in_use) {
  runtime rt(test::test_options());
  rt.run([&] {
    std::atomic<int> waiting{0};
    std::atomic<bool> go_on{false};
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([&] {
        waiting.fetch_add(1);
        test::give_way_until([&] { return go_on.load(); });
      });
    }
    test::give_way_until([&] { return waiting.load() == 50; });
    const runtime_statistics s = runtime::current_statistics();
    EXPECT_GE(s.stacks_live - s.stacks_idle, 51U) << "the tasks and this one";
    go_on.store(true);
  });
  test::give_way_until([&] {
    const runtime_statistics s = rt.statistics();
    return s.stacks_live == s.stacks_idle && s.stacks_live >= 51;
  });
}

TEST(runtime_statistics, count_calls_that_block) {
  options o = test::test_options();
  o.blocking_threads = 2;
  runtime rt(o);
  rt.run([&] {
    std::atomic<bool> go_on{false};
    group g;
    for (int i = 0; i < 5; ++i) {
      g.spawn([&] { blocking([&] { test::give_way_until([&] { return go_on.load(); }); }); });
    }
    test::give_way_until([&] {
      const runtime_statistics s = rt.statistics();
      return s.blocking_busy == 2 && s.blocking_queued == 3;
    });
    EXPECT_EQ(rt.statistics().blocking_idle, 0U);
    go_on.store(true);
  });
  test::give_way_until([&] {
    const runtime_statistics s = rt.statistics();
    return s.blocking_busy == 0 && s.blocking_idle == 2 && s.blocking_queued == 0;
  });
}

TEST(runtime_statistics, are_taken_while_everything_moves) {
  runtime rt(test::test_options());
  std::atomic<bool> end{false};
  std::thread looking([&] {
    while (!end.load()) {
      const runtime_statistics s = rt.statistics();
      EXPECT_EQ(s.stack_size, 256U << 10);
      EXPECT_LE(s.stack_high_water, s.stack_size);
      (void)to_string(s);
    }
  });
  for (int i = 0; i < test::rounds(50); ++i) {
    rt.run([] {
      group g;
      for (int k = 0; k < 200; ++k) {
        g.spawn([k] {
          yield();
          if (k % 10 == 0) blocking([] {});
        });
      }
    });
  }
  end.store(true);
  looking.join();
}

// ---------------------------------------------------------------------------------------------------- depth of stacks

TEST(stack_pool, finds_the_deepest_use_of_any_stack) {
  detail::stack_pool pool(256 << 10);
  EXPECT_EQ(pool.high_water(), 0U);
  std::vector<char*> stacks;
  for (int i = 0; i < 200; ++i) stacks.push_back(pool.take());
  EXPECT_EQ(pool.high_water(), 0U) << "nothing was touched, and guards do not count";
  char* top = stacks[150] + pool.size();
  *(top - 1) = 'x';
  EXPECT_EQ(pool.high_water(), 4'096U);
  *(top - 100'000) = 'x';
  const std::size_t deep = pool.high_water();
  EXPECT_EQ(deep, (100'000U + 4'095) / 4'096 * 4'096);
  for (char* stack : stacks) pool.give_back(stack);
  EXPECT_EQ(pool.high_water(), deep) << "a returned stack is remembered";
}

TEST(stack_pool, looks_at_very_many_stacks_in_turns) {
  detail::stack_pool pool(64 << 10);
  std::vector<char*> stacks;
  for (int i = 0; i < 9'000; ++i) stacks.push_back(pool.take());
  *(stacks.front() + pool.size() - 20'000) = 'x';
  *(stacks.back() + pool.size() - 30'000) = 'x';
  std::set<std::size_t> seen;
  for (int i = 0; i < 4; ++i) seen.insert(pool.high_water());
  EXPECT_EQ(*seen.rbegin(), 32'768U);
  for (char* stack : stacks) pool.give_back(stack);
}

// On the real stack, where AddressSanitizer would put the frame elsewhere.
[[gnu::noinline, gnu::no_sanitize_address]] int touch_stack(std::size_t bytes) {
  volatile char frame[1'024];
  frame[0] = 1;
  asm volatile("" : : "r"(frame) : "memory");  // or the recursion may become a loop
  return bytes > sizeof frame ? touch_stack(bytes - sizeof frame) + frame[0] : frame[0];
}

TEST(runtime_statistics, know_the_deepest_stack) {
  runtime rt(test::test_options());
  rt.run([] {});
  const std::size_t shallow = rt.statistics().stack_high_water;
  EXPECT_GT(shallow, 0U);
  EXPECT_LT(shallow, 64U << 10);
  rt.run([] { return touch_stack(100 << 10); });
  EXPECT_GE(rt.statistics().stack_high_water, 100U << 10);
  EXPECT_LE(rt.statistics().stack_high_water, 256U << 10);
}

// ---------------------------------------------------------------------------------------------------- the table

TEST(runtime_statistics, as_text_line_up) {
  runtime_statistics s;
  s.name = "weft";
  s.workers.resize(12);
  s.workers[3].switches = 1'234'567;
  s.workers[11].running = 1'500ms;
  s.stacks_live = 1'000;
  const std::string text = to_string(s);
  std::istringstream lines(text);
  std::string line;
  std::vector<std::size_t> lengths;
  while (std::getline(lines, line) && line.find("fibers ") != 0) lengths.push_back(line.size());
  EXPECT_EQ(lengths.size(), 14U) << "a heading, the workers, all\n" << text;
  EXPECT_EQ(std::set(lengths.begin(), lengths.end()).size(), 1U) << text;
  for (const char* part : {"weft-11", "1,234,567", "1.500 s", "1,000 live", "all", "asleep"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << '\n' << text;
  }
  EXPECT_EQ(text.find("trace"), std::string::npos) << "there was none\n" << text;
}

TEST(runtime_statistics, as_text_have_one_line_for_one_worker) {
  runtime rt(test::test_options(1));
  rt.run([] {});
  const std::string text = to_string(rt.statistics());
  EXPECT_NE(text.find("weft-0"), std::string::npos) << text;
  EXPECT_EQ(text.find("\nall"), std::string::npos) << text;
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace
}  // namespace weft
