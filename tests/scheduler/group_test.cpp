// Groups: who waits for whom, who may spawn, and how groups end.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(group, an_empty_one_ends_at_once) {
  test::run([] {
    {
      group g;
    }
    group g("named");
    g.join();
    g.join();
    EXPECT_FALSE(g.is_cancelled());
  });
}

TEST(group, its_end_waits_for_all_tasks) {
  test::run([] {
    std::atomic<int> ended{0};
    {
      group g;
      for (int i = 0; i < 100; ++i) {
        g.spawn([&, i] {
          for (int k = 0; k < i % 7; ++k) yield();
          if (i % 10 == 0) sleep_for(100us);
          ended.fetch_add(1);
        });
      }
    }
    EXPECT_EQ(ended.load(), 100);
  });
}

TEST(group, join_waits_and_the_group_can_be_used_again) {
  test::run([] {
    std::atomic<int> ended{0};
    group g;
    for (int round = 1; round <= 5; ++round) {
      for (int i = 0; i < 20; ++i) {
        g.spawn([&] {
          yield();
          ended.fetch_add(1);
        });
      }
      g.join();
      EXPECT_EQ(ended.load(), 20 * round);
      g.join();
    }
  });
}

TEST(group, tasks_run_although_nobody_waits_for_them_yet) {
  test::run([] {
    std::atomic<bool> ran{false};
    group g;
    g.spawn([&] { ran.store(true); });
    test::give_way_until([&] { return ran.load(); });
  });
}

TEST(group, tasks_may_spawn_into_it) {
  test::run([] {
    std::atomic<int> ended{0};
    struct recursion {
      static void spawn(group& g, std::atomic<int>& ended, int depth) {
        if (depth > 0) {
          for (int i = 0; i < 2; ++i) {
            g.spawn([&g, &ended, depth] {
              if (depth % 2 == 0) yield();
              spawn(g, ended, depth - 1);
            });
          }
        }
        ended.fetch_add(1);
      }
    };
    {
      group g;
      recursion::spawn(g, ended, 10);
    }
    EXPECT_EQ(ended.load(), (1 << 11) - 1);
  });
}

TEST(group, tasks_of_inner_groups_may_spawn_into_outer_ones) {
  test::run([] {
    std::atomic<int> ended{0};
    {
      group outer;
      for (int i = 0; i < 20; ++i) {
        outer.spawn([&] {
          group inner;
          for (int k = 0; k < 5; ++k) {
            inner.spawn([&] {
              outer.spawn([&] { ended.fetch_add(1); });
              if (ended.load() % 3 == 0) yield();
            });
          }
        });
      }
      group inner;
      for (int k = 0; k < 10; ++k) {
        inner.spawn([&] { outer.spawn([&] { ended.fetch_add(1); }); });
      }
    }
    EXPECT_EQ(ended.load(), 20 * 5 + 10);
  });
}

TEST(group, helper_threads_may_spawn_into_it) {
  test::run([] {
    std::atomic<int> ended{0};
    {
      group g;
      g.spawn([&] {
        blocking([&] {
          for (int i = 0; i < 50; ++i) {
            g.spawn([&] {
              EXPECT_TRUE(in_fiber());
              ended.fetch_add(1);
            });
          }
        });
      });
    }
    EXPECT_EQ(ended.load(), 50);
  });
}

TEST(group, a_hundred_thousand_tasks_end) {
  test::run([] {
    constexpr int count = test::rounds(100'000);
    std::atomic<long> sum{0};
    {
      group g;
      for (int i = 0; i < count; ++i) g.spawn([&sum, i] { sum.fetch_add(i, std::memory_order_relaxed); });
    }
    EXPECT_EQ(sum.load(), static_cast<long>(count) * (count - 1) / 2);
  });
}

long count_leaves(int depth) {
  if (depth == 0) return 1;
  group g;
  task<long> left = g.spawn([depth] { return count_leaves(depth - 1); });
  task<long> right = g.spawn([depth] { return count_leaves(depth - 1); });
  const long sum = left.get() + right.get();
  g.join();
  return sum;
}

TEST(group, trees_of_groups_end) {
  test::run([] { EXPECT_EQ(count_leaves(test::sanitized ? 12 : 16), test::sanitized ? 1 << 12 : 1 << 16); });
}

// As deep as it gets: each level is a task within a group within the task above. Where the stack ends, the next level gets another.
long nest(int levels) {
  if (levels == 0) return 0;
  group g;
  return 1 + g.spawn([levels] { return nest(levels - 1); }).get();
}

TEST(group, groups_nest_deeper_than_a_stack_holds) {
  test::run([] { EXPECT_EQ(nest(test::rounds(100'000)), test::rounds(100'000)); });
}

// A random tree with waits of all kinds on each level.
long random_tree(test::random_source random, int depth) {
  if (depth == 0) {
    if (random.one_in(5)) yield();
    if (random.one_in(50)) sleep_for(std::chrono::microseconds(random.below(50)));
    return 1;
  }
  std::vector<task<long>> children;
  long sum = 0;
  group g;
  const std::uint32_t joining = random.below(4);
  for (int i = 0; i < 3; ++i) {
    children.push_back(g.spawn([source = random.split(), depth] { return random_tree(source, depth - 1); }));
    if (random.one_in(7)) yield();
    if (joining == 0) sum += children.back().get();
  }
  if (joining == 1) g.join();
  if (joining == 2) children.front().wait();
  if (joining != 0) {
    for (auto& c : children) sum += c.get();
  }
  return sum;
}

TEST(group, random_trees_end_with_the_right_sum) {
  test::random_source random;
  test::run([&] {
    for (int i = 0; i < test::rounds(10); ++i) EXPECT_EQ(random_tree(random.split(), 8), 6'561);
  });
}

TEST(group, needs_a_fiber) {
  try {
    group g;
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("inside weft::run"), std::string::npos) << e.what();
  }
}

TEST(group, may_be_made_by_functions_of_any_depth_and_in_loops) {
  test::run([] {
    for (int i = 0; i < 1'000; ++i) {
      group outer;
      group inner;
      const int a = outer.spawn([] { return 1; }).get();
      const int b = inner.spawn([] { return 2; }).get();
      EXPECT_EQ(a + b, 3);
    }
  });
}

TEST(group, is_used_in_destructors_and_handlers) {
  test::run([] {
    struct cleanup {
      std::atomic<int>& done;
      ~cleanup() {
        group g;
        for (int i = 0; i < 3; ++i) {
          g.spawn([this] { ++done; });
          yield();
        }
        g.join();
      }
    };
    std::atomic<int> done{0};
    try {
      cleanup c{done};
      throw std::runtime_error("passing");
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(done, 3);
      group g;
      EXPECT_EQ(g.spawn([] {
                   yield();
                   return 4;
                 }).get(),
                4);
      EXPECT_STREQ(e.what(), "passing");
    }
  });
}

// ---------------------------------------------------------------------------------------------- left by an exception

TEST(group, left_by_an_exception_cancels_its_tasks_and_waits_for_them) {
  test::run([] {
    std::atomic<int> ended{0};
    std::atomic<int> begun{0};
    bool all_ended = false;
    try {
      group g("work");
      for (int i = 0; i < 10; ++i) {
        g.spawn([&] {
          begun.fetch_add(1);
          try {
            sleep_for(1h);
          } catch (const cancelled& c) {
            EXPECT_EQ(c.reason(), cancel_reason::group_left);
            EXPECT_EQ(c.origin(), "work");
            ended.fetch_add(1);
            throw;
          }
        });
      }
      test::give_way_until([&] { return begun.load() == 10; });
      throw std::runtime_error("the body's own");
    } catch (const std::runtime_error& e) {
      all_ended = ended.load() == 10;
      EXPECT_STREQ(e.what(), "the body's own");
    }
    EXPECT_TRUE(all_ended);
  });
}

TEST(group, tasks_that_have_not_begun_when_it_is_left_never_do) {
  weft::run(test::test_options(1), [] {
    int begun = 0;
    EXPECT_THROW(
        {
          group g;
          for (int i = 0; i < 1'000; ++i) g.spawn([&] { ++begun; });
          throw 1;
        },
        int);
    EXPECT_EQ(begun, 0);
    for (int i = 0; i < 100; ++i) yield();
    EXPECT_EQ(begun, 0);
  });
}

TEST(group, an_exception_passes_through_nested_groups) {
  test::run([] {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    auto wait = [&] {
      begun.fetch_add(1);
      try {
        sleep_for(1h);
      } catch (const cancelled&) {
        ended.fetch_add(1);
        throw;
      }
    };
    EXPECT_THROW(
        {
          group a;
          a.spawn(wait);
          group b;
          b.spawn(wait);
          group c(supervise);
          c.spawn(wait);
          test::give_way_until([&] { return begun.load() == 3; });
          throw std::runtime_error("out");
        },
        std::runtime_error);
    EXPECT_EQ(ended.load(), 3);
  });
}

// ---------------------------------------------------------------------------------------------- daemons

TEST(group, daemons_are_cancelled_when_the_other_tasks_are_done) {
  test::run([] {
    std::atomic<int> ticks{0};
    std::atomic<bool> daemon_ended{false};
    {
      group g;
      g.spawn_daemon([&] {
        try {
          for (;;) {
            sleep_for(50us);
            ticks.fetch_add(1);
          }
        } catch (const cancelled&) {
          daemon_ended.store(true);
          throw;
        }
      });
      g.spawn([&] { test::give_way_until([&] { return ticks.load() > 3; }); });
    }
    EXPECT_TRUE(daemon_ended.load());
    EXPECT_GT(ticks.load(), 3);
  });
}

TEST(group, what_daemons_spawn_are_daemons) {
  test::run([] {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    auto wait = [&] {
      begun.fetch_add(1);
      try {
        sleep_for(1h);
      } catch (const cancelled&) {
        ended.fetch_add(1);
        throw;
      }
    };
    {
      group g;
      g.spawn_daemon([&] {
        g.spawn(wait);
        g.spawn(wait);
        wait();
      });
      g.spawn([&] { test::give_way_until([&] { return begun.load() == 3; }); });
    }
    EXPECT_EQ(ended.load(), 3);
  });
}

TEST(group, a_failing_daemon_fails_the_group) {
  test::run([] {
    std::atomic<bool> begun{false};
    std::atomic<bool> sibling_cancelled{false};
    try {
      group g;
      g.spawn_daemon([&] {
        test::give_way_until([&] { return begun.load(); });
        throw std::runtime_error("daemon");
      });
      g.spawn([&] {
        begun.store(true);
        try {
          sleep_for(1h);
        } catch (const cancelled&) {
          sibling_cancelled.store(true);
          throw;
        }
      });
      g.join();
      ADD_FAILURE();
    } catch (const group_error& e) {
      EXPECT_NE(e.find<std::runtime_error>(), nullptr);
    }
    EXPECT_TRUE(sibling_cancelled.load());
  });
}

TEST(group, daemons_alone_keep_no_group_open) {
  test::run([] {
    group g;
    auto handle = g.spawn_daemon([] { sleep_for(1h); });
    g.join();
    EXPECT_TRUE(handle.done());
    EXPECT_FALSE(g.is_cancelled()) << "only its daemons are";
    EXPECT_EQ(g.spawn([] { return 1; }).get(), 1);
    g.spawn_daemon([] { sleep_for(1h); });
  });
}

TEST(group, daemons_end_by_themselves_too) {
  test::run([] {
    std::atomic<int> ended{0};
    group g;
    auto result = g.spawn_daemon([&] { return 5; });
    EXPECT_EQ(result.get(), 5);
    for (int i = 0; i < 100; ++i) {
      g.spawn_daemon([&] { ended.fetch_add(1); });
    }
    test::give_way_until([&] { return ended.load() == 100; });
  });
}

// ---------------------------------------------------------------------------------------------- misuse

using group_death = testing::Test;

TEST(group_death, groups_destroyed_out_of_order_end_the_program_with_a_reason) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(test::run([] {
                 auto first = std::make_unique<group>();
                 auto second = std::make_unique<group>();
                 first.reset();
               }),
               "not the innermost of its fiber");
}

TEST(group_death, a_deadline_that_outlives_a_group_around_it_ends_the_program_with_a_reason) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(test::run([] {
                 auto g = std::make_unique<group>();
                 auto d = std::make_unique<deadline>(1h);
                 g.reset();
               }),
               "not the innermost of its fiber");
}

TEST(group_death, a_group_destroyed_by_another_fiber_ends_the_program_with_a_reason) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(test::run([] {
                 auto g = std::make_unique<group>();
                 group others;
                 others.spawn([&] { g.reset(); });
                 others.join();
               }),
               "not the innermost of its fiber");
}

}  // namespace
}  // namespace weft
