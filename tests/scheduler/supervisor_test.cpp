// Supervisors: who is restarted when, in which order, how often, and what comes out.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/services.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/scheduler/supervisor.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Restarts without delay, and never too many unless a test says how many.
supervisor_options eager(restart_strategy strategy = restart_strategy::one_for_one, unsigned most = 1'000'000) {
  supervisor_options o;
  o.strategy = strategy;
  o.max_restarts = most;
  o.period = 1h;
  o.delay = {.first = 0ns, .most = 0ns};
  return o;
}

// What children did, in order.
class diary {
 public:
  void write(const std::string& line) {
    const std::lock_guard guard(lock_);
    lines_.push_back(line);
  }
  std::vector<std::string> read() {
    const std::lock_guard guard(lock_);
    return lines_;
  }

 private:
  spin_lock lock_;
  std::vector<std::string> lines_;
};

// A child that says when it begins and ends, and waits for its gate to open; then it fails.
struct failing_on_demand {
  diary& log;
  std::string name;
  std::atomic<int>& starts;
  std::atomic<int>& fail_at;  // fails at once in the start of this number, once it is set
  void operator()() const {
    log.write("+" + name);
    const int start = starts.fetch_add(1) + 1;
    try {
      test::give_way_until([&] { return fail_at.load() == start; });
    } catch (const cancelled&) {
      log.write("-" + name);
      throw;
    }
    log.write("!" + name);
    throw std::runtime_error(name + " failed");
  }
};

// Three children a, b, c; b fails once in its first start; the diary until all that were restarted run again.
std::vector<std::string> diary_of(restart_strategy strategy, int restarted) {
  diary log;
  test::run([&] {
    std::atomic<int> starts[3] = {0, 0, 0};
    std::atomic<int> fail_at[3] = {0, 0, 0};
    group g;
    g.spawn([&] {
      supervisor s(eager(strategy));
      const char* names[] = {"a", "b", "c"};
      for (std::size_t i = 0; i < 3; ++i) s.add(names[i], failing_on_demand{log, names[i], starts[i], fail_at[i]});
      s.run();
    });
    const auto total = [&] { return starts[0].load() + starts[1].load() + starts[2].load(); };
    test::give_way_until([&] { return total() == 3; });
    fail_at[1].store(1);
    test::give_way_until([&] { return total() == 3 + restarted; });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
  });
  return log.read();
}

// The lines from the failure on, without those of the end.
std::vector<std::string> restart_part(std::vector<std::string> lines, std::size_t count) {
  lines.erase(lines.begin(), std::find(lines.begin(), lines.end(), "!b"));
  lines.resize(count);
  return lines;
}

TEST(supervisor, one_for_one_restarts_the_child_that_failed) {
  EXPECT_EQ(restart_part(diary_of(restart_strategy::one_for_one, 1), 2), (std::vector<std::string>{"!b", "+b"}));
}

TEST(supervisor, one_for_all_stops_the_others_last_first_and_restarts_all) {
  auto lines = restart_part(diary_of(restart_strategy::one_for_all, 3), 6);
  EXPECT_EQ((std::vector<std::string>(lines.begin(), lines.begin() + 3)), (std::vector<std::string>{"!b", "-c", "-a"}));
  std::sort(lines.begin() + 3, lines.end());  // started in order, they run at once
  EXPECT_EQ((std::vector<std::string>(lines.begin() + 3, lines.end())), (std::vector<std::string>{"+a", "+b", "+c"}));
}

TEST(supervisor, rest_for_one_restarts_those_added_later_too) {
  auto lines = restart_part(diary_of(restart_strategy::rest_for_one, 2), 4);
  EXPECT_EQ((std::vector<std::string>(lines.begin(), lines.begin() + 2)), (std::vector<std::string>{"!b", "-c"}));
  std::sort(lines.begin() + 2, lines.end());
  EXPECT_EQ((std::vector<std::string>(lines.begin() + 2, lines.end())), (std::vector<std::string>{"+b", "+c"}));
}

TEST(supervisor, children_start_in_the_order_of_add) {
  diary log;
  weft::run(test::test_options(1), [&] {
    supervisor s(eager());
    for (const char* name : {"first", "second", "third"}) {
      s.add(name, [&log, name] { log.write(name); }, restart::transient);
    }
    s.run();
  });
  auto lines = log.read();
  EXPECT_EQ(lines.size(), 3U);
}

TEST(supervisor, ends_when_all_children_have_ended_for_good) {
  test::run([] {
    supervisor s(eager());
    int transient_runs = 0;
    int temporary_runs = 0;
    s.add(
        "transient",
        [&] {
          if (++transient_runs < 4) throw std::runtime_error("again");
        },
        restart::transient);
    s.add(
        "temporary",
        [&] {
          ++temporary_runs;
          throw std::runtime_error("once");
        },
        restart::temporary);
    s.run();
    EXPECT_EQ(transient_runs, 4);
    EXPECT_EQ(temporary_runs, 1);
    EXPECT_EQ(s.restarts(), 3U);
  });
}

TEST(supervisor, without_children_has_nothing_to_do) {
  test::run([] {
    supervisor s;
    s.run();
    EXPECT_EQ(s.children(), 0U);
  });
}

TEST(supervisor, a_permanent_child_that_returns_is_restarted) {
  test::run([] {
    std::atomic<int> runs{0};
    supervisor s(eager(restart_strategy::one_for_one, 9));
    s.add("restless", [&] { runs.fetch_add(1); });
    try {
      s.run();
      ADD_FAILURE();
    } catch (const supervisor_error& e) {
      EXPECT_EQ(e.child(), "restless");
      EXPECT_EQ(e.failure(), nullptr);
      EXPECT_NE(std::string(e.what()).find("it returned"), std::string::npos) << e.what();
    }
    EXPECT_EQ(runs.load(), 10);
  });
}

TEST(supervisor, too_many_failures_fail_it_with_the_childs_name_and_failure) {
  test::run([] {
    std::atomic<int> bystander_cancelled{0};
    std::atomic<bool> bystander_runs{false};
    supervisor s(eager(restart_strategy::one_for_one, 3));
    int runs = 0;
    s.add("bystander", [&] {
      bystander_runs.store(true);
      try {
        sleep_for(1h);
      } catch (const cancelled&) {
        bystander_cancelled.fetch_add(1);
        throw;
      }
    });
    s.add("broken", [&] {
      test::give_way_until([&] { return bystander_runs.load(); });
      throw std::runtime_error("attempt " + std::to_string(++runs));
    });
    try {
      s.run();
      ADD_FAILURE();
    } catch (const supervisor_error& e) {
      EXPECT_EQ(e.child(), "broken");
      EXPECT_THROW(std::rethrow_exception(e.failure()), std::runtime_error);
      const std::string text = e.what();
      EXPECT_NE(text.find("'broken'"), std::string::npos) << text;
      EXPECT_NE(text.find("attempt 4"), std::string::npos) << text;
      EXPECT_NE(text.find("after 3 restarts within 3600000 ms"), std::string::npos) << text;
    }
    EXPECT_EQ(runs, 4);
    EXPECT_EQ(bystander_cancelled.load(), 1);
    yield();  // the fiber itself is not cancelled
  });
}

TEST(supervisor, none_are_allowed_where_the_most_is_zero) {
  test::run([] {
    supervisor s(eager(restart_strategy::one_for_one, 0));
    s.add("x", [] { throw std::runtime_error("the only time"); });
    EXPECT_THROW(s.run(), supervisor_error);
    EXPECT_EQ(s.restarts(), 0U);
  });
}

TEST(supervisor, old_restarts_are_forgotten_after_the_period) {
  test::run([] {
    supervisor_options o = eager(restart_strategy::one_for_one, 1);
    o.period = 1ns;
    supervisor s(o);
    int runs = 0;
    s.add(
        "slow failer",
        [&] {
          sleep_for(50us);
          if (++runs < 10) throw std::runtime_error("again");
        },
        restart::transient);
    s.run();
    EXPECT_EQ(runs, 10);
  });
}

TEST(supervisor, failures_are_told_in_order) {
  test::run([] {
    std::vector<std::string> told;
    supervisor_options o = eager();
    o.on_failure = [&](std::string_view child, const std::exception_ptr& failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        told.push_back(std::string(child) + ": " + e.what());
      }
    };
    supervisor s(o);
    int runs = 0;
    s.add(
        "x",
        [&] {
          if (++runs < 3) throw std::runtime_error(std::to_string(runs));
        },
        restart::transient);
    s.run();
    EXPECT_EQ(told, (std::vector<std::string>{"x: 1", "x: 2"}));
  });
}

TEST(supervisor, delays_grow_and_keep_to_their_limits) {
  test::run([] {
    supervisor_options o = eager();
    o.delay = {.first = 1ms, .most = 8ms, .factor = 2, .jitter = 0};
    supervisor s(o);
    std::vector<std::chrono::steady_clock::time_point> starts;
    s.add(
        "x",
        [&] {
          starts.push_back(std::chrono::steady_clock::now());
          if (starts.size() < 6) throw std::runtime_error("again");
        },
        restart::transient);
    s.run();
    const std::chrono::nanoseconds least[] = {1ms, 2ms, 4ms, 8ms, 8ms};
    ASSERT_EQ(starts.size(), 6U);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_GE(starts[i + 1] - starts[i], least[i]);
  });
}

TEST(supervisor, another_child_is_served_during_a_delay) {
  test::run([] {
    supervisor_options o = eager();
    o.delay = {.first = 1h, .most = 1h};
    std::atomic<bool> failed{false};
    std::atomic<bool> told{false};
    o.on_failure = [&](std::string_view child, const std::exception_ptr&) {
      (child == "first" ? failed : told).store(true);
    };
    group g;
    g.spawn([&] {
      supervisor s(o);
      s.add("first", [] { throw std::runtime_error("comes back in an hour"); });
      s.add("second", [&] {
        test::give_way_until([&] { return failed.load(); });
        throw std::runtime_error("meanwhile");
      });
      s.run();
    });
    test::give_way_until([&] { return told.load(); });
    g.cancel();
  });
}

TEST(supervisor, cancellation_ends_all_children_and_comes_out) {
  test::run([] {
    std::atomic<int> alive{0};
    std::atomic<int> ended{0};
    group g;
    auto t = g.spawn([&] {
      supervisor s(eager());
      for (int i = 0; i < 5; ++i) {
        s.add("child", [&] {
          group own;
          own.spawn([&] {
            alive.fetch_add(1);
            try {
              sleep_for(1h);
            } catch (const cancelled&) {
              const shield patience(10s);
              sleep_for(100us);
              ended.fetch_add(1);
              throw;
            }
          });
        });
      }
      s.run();
    });
    test::give_way_until([&] { return alive.load() == 5; });
    g.cancel();
    EXPECT_THROW(t.wait(), cancelled);
    try {
      g.join();
    } catch (const cancelled&) {
    }
    EXPECT_EQ(ended.load(), 5);
    EXPECT_THROW(t.get(), cancelled);
  });
}

TEST(supervisor, a_deadline_around_it_counts) {
  test::run([] {
    EXPECT_THROW(with_deadline(2ms,
                               [] {
                                 supervisor s(eager());
                                 s.add("endless", [] { sleep_for(1h); });
                                 s.run();
                               }),
                 timeout_error);
  });
}

TEST(supervisor, a_deadline_inside_a_child_is_its_failure) {
  test::run([] {
    supervisor s(eager(restart_strategy::one_for_one, 0));
    s.add("slow", [] {
      const deadline d(1ms);
      sleep_for(1h);
    });
    try {
      s.run();
      ADD_FAILURE();
    } catch (const supervisor_error& e) {
      EXPECT_THROW(std::rethrow_exception(e.failure()), timeout_error);
    }
  });
}

TEST(supervisor, a_failing_group_inside_a_child_is_its_failure) {
  test::run([] {
    supervisor s(eager(restart_strategy::one_for_one, 0));
    s.add("grouped", [] {
      group g;
      g.spawn([] { throw std::runtime_error("inside"); });
      sleep_for(1h);  // leaves by `cancelled`
    });
    try {
      s.run();
      ADD_FAILURE();
    } catch (const supervisor_error& e) {
      EXPECT_THROW(std::rethrow_exception(e.failure()), group_error);
    }
  });
}

TEST(supervisor, a_failure_while_it_ends_is_not_lost) {
  try {
    test::run([] {
      std::atomic<bool> waiting{false};
      supervisor s(eager(restart_strategy::one_for_one, 0));
      s.add("fails late", [&] {
        waiting.store(true);
        try {
          sleep_for(1h);
        } catch (const cancelled&) {
          throw std::logic_error("while it ended");
        }
      });
      s.add("fails first", [&] {
        test::give_way_until([&] { return waiting.load(); });
        throw std::runtime_error("first");
      });
      s.run();
    });
    FAIL();
  } catch (const group_error& e) {
    EXPECT_NE(e.find<supervisor_error>(), nullptr) << e.what();
    ASSERT_NE(e.find<std::logic_error>(), nullptr) << e.what();
    EXPECT_STREQ(e.find<std::logic_error>()->what(), "while it ended");
  }
}

TEST(supervisor, temporary_children_stopped_for_another_stay_away) {
  test::run([] {
    std::atomic<int> temporary_starts{0};
    std::atomic<int> starts{0};
    supervisor s(eager(restart_strategy::one_for_all));
    s.add(
        "temporary",
        [&] {
          temporary_starts.fetch_add(1);
          sleep_for(1h);
        },
        restart::temporary);
    s.add(
        "transient",
        [&] {
          test::give_way_until([&] { return temporary_starts.load() == 1; });
          if (starts.fetch_add(1) < 3) throw std::runtime_error("again");
        },
        restart::transient);
    s.run();
    EXPECT_EQ(temporary_starts.load(), 1);
    EXPECT_EQ(starts.load(), 4);
  });
}

TEST(supervisor, may_be_run_again) {
  test::run([] {
    supervisor s(eager(restart_strategy::one_for_one, 1));
    int runs = 0;
    s.add("x", [&] { ++runs; }, restart::transient);
    s.run();
    s.run();
    EXPECT_EQ(runs, 2);
  });
}

TEST(supervisor, serves_as_a_service) {
  std::atomic<int> starts{0};
  test::run([&] {
    services().spawn([&] {
      supervisor s(eager());
      s.add("x", [&] {
        if (starts.fetch_add(1) < 5) throw std::runtime_error("again");
        sleep_for(1h);
      });
      s.run();
    });
    test::give_way_until([&] { return starts.load() == 6; });
  });
}

TEST(supervisor, supervisors_nest) {
  test::run([] {
    std::atomic<int> inner_starts{0};
    supervisor outer(eager(restart_strategy::one_for_one, 4));
    outer.add("inner", [&] {
      supervisor inner(eager(restart_strategy::one_for_one, 1));
      inner.add("broken", [&] {
        inner_starts.fetch_add(1);
        throw std::runtime_error("always");
      });
      inner.run();
    });
    EXPECT_THROW(outer.run(), supervisor_error);
    EXPECT_EQ(inner_starts.load(), 10);
  });
}

TEST(supervisor, refuses_misuse) {
  EXPECT_THROW(supervisor({.period = 0ns}), std::invalid_argument);
  EXPECT_THROW(supervisor({.delay = {.factor = 0}}), std::invalid_argument);
  EXPECT_THROW(
      {
        supervisor s;
        s.add("x", [] {});
        s.run();
      },
      std::logic_error);
  test::run([] {
    supervisor s(eager());
    s.add(
        "x",
        [&] {
          EXPECT_THROW(s.add("late", [] {}), std::logic_error);
          EXPECT_THROW(s.run(), std::logic_error);
        },
        restart::transient);
    s.run();
  });
}

// Children that fail, return and wait at random, under each strategy, with a cancellation at a random moment: whoever began has ended when
// run() is over, and no child runs twice at a time.
TEST(supervisor, random_children_leave_nothing_behind) {
  test::random_source random;
  for (int round = 0; round < test::rounds(150); ++round) {
    const auto strategy = static_cast<restart_strategy>(random.below(3));
    std::atomic<int> alive{0};
    const std::uint32_t patience = random.below(60);
    const auto children = std::size_t{1} + random.below(6);
    const std::uint64_t seed = random.split().seed();
    test::run([&] {
      std::vector<std::atomic<int>> running(children);
      const auto supervise_them = [&] {
        supervisor s(eager(strategy, 200));
        test::random_source mine(seed);
        for (std::size_t i = 0; i < children; ++i) {
          s.add(
              "child",
              [&, i, source = mine.split()]() mutable {
                EXPECT_EQ(running[i].fetch_add(1), 0);
                alive.fetch_add(1);
                struct end {
                  std::atomic<int>& a;
                  std::atomic<int>& b;
                  ~end() {
                    a.fetch_sub(1);
                    b.fetch_sub(1);
                  }
                } const end{alive, running[i]};
                for (std::uint32_t n = source.below(4); n > 0; --n) yield();
                if (source.one_in(2)) throw std::runtime_error("random");
                if (source.one_in(3)) sleep_for(20us);
              },
              static_cast<restart>(i % 3));
        }
        try {
          s.run();
        } catch (const supervisor_error&) {
        }
        EXPECT_EQ(alive.load(), 0);
      };
      try {
        group g;
        g.spawn(supervise_them);
        try {
          for (std::uint32_t i = 0; i < patience; ++i) yield();
          if (patience % 2 == 0) g.cancel();
        } catch (const cancelled&) {  // by the supervisor's failure
        }
      } catch (const group_error&) {  // of children that failed while it ended
      }
    });
    EXPECT_EQ(alive.load(), 0);
  }
}

}  // namespace
}  // namespace weft
