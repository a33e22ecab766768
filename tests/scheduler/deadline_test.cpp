// Deadlines: who is told what when one passes.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/shield.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

TEST(deadline, cuts_a_wait_short_and_not_too_early) {
  test::run([] {
    for (int i = 1; i <= 5; ++i) {
      const auto until = clock::now() + i * 200us;
      EXPECT_THROW(with_deadline(i * 200us, [] { sleep_for(1h); }), timeout_error);
      EXPECT_GE(clock::now(), until);
    }
  });
}

TEST(deadline, returns_what_the_function_returns_in_time) {
  test::run([] {
    EXPECT_EQ(with_deadline(1h,
                            [] {
                              yield();
                              sleep_for(10us);
                              return std::string("in time");
                            }),
              "in time");
    with_deadline(1h, [] {});
    EXPECT_THROW(with_deadline(1h, [] { throw std::out_of_range("its own"); }), std::out_of_range);
  });
}

TEST(deadline, a_result_that_came_after_all_is_returned) {
  test::run([] {
    EXPECT_EQ(with_deadline(1ns,
                            [] {
                              const auto until = clock::now() + 1ms;
                              while (clock::now() < until) test::spin(100);
                              return 4;
                            }),
              4);
  });
}

TEST(deadline, of_zero_or_less_is_passed_at_once) {
  test::run([] {
    for (const auto limit : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
      deadline d(limit);
      EXPECT_TRUE(d.passed());
      EXPECT_THROW(yield(), cancelled);
      EXPECT_THROW(sleep_for(1h), cancelled);
    }
    EXPECT_THROW(with_deadline(-1s, [] { yield(); }), timeout_error);
    EXPECT_EQ(with_deadline(0s, [] { return 1; }), 1) << "nothing in it waits";
    EXPECT_NO_THROW(yield());
  });
}

TEST(deadline, may_be_for_ever) {
  test::run([] {
    deadline d(std::chrono::nanoseconds::max());
    sleep_for(1ms);
    yield();
    EXPECT_FALSE(d.passed());
  });
}

TEST(deadline, tells_whether_it_has_passed) {
  test::run([] {
    deadline d(200us);
    EXPECT_THROW(sleep_for(1h), cancelled);
    EXPECT_TRUE(d.passed());
    deadline distant(1h);
    EXPECT_FALSE(distant.passed()) << "the one around it has";
  });
}

TEST(deadline, is_seen_as_cancelled_below_it) {
  test::run([] {
    const unsigned line = __LINE__ + 1;
    deadline d(100us);
    try {
      sleep_for(1h);
      ADD_FAILURE();
    } catch (const cancelled& c) {
      EXPECT_EQ(c.reason(), cancel_reason::deadline);
      EXPECT_NE(c.origin().find("deadline_test.cpp:" + std::to_string(line)), std::string::npos) << c.origin();
    }
    EXPECT_THROW(yield(), cancelled) << "and again";
  });
}

TEST(deadline, is_over_with_its_scope) {
  test::run([] {
    {
      deadline d(100us);
      EXPECT_THROW(sleep_for(1h), cancelled);
    }
    EXPECT_NO_THROW(yield());
    {
      deadline d(100us);
    }
    EXPECT_NO_THROW(sleep_for(500us)) << "a timer that was left behind";
  });
}

TEST(deadline, the_nearest_of_several_counts) {
  test::run([] {
    bool inner_passed = false;
    with_deadline(1h, [&] {
      try {
        with_deadline(200us, [] { with_deadline(1h, [] { sleep_for(1h); }); });
      } catch (const timeout_error&) {
        inner_passed = true;
      }
      EXPECT_NO_THROW(yield());
    });
    EXPECT_TRUE(inner_passed);
  });
}

TEST(deadline, an_outer_one_that_passes_first_is_told_at_its_own_place) {
  test::run([] {
    bool inner_told = false;
    bool outer_told = false;
    try {
      with_deadline(200us, [&] {
        try {
          with_deadline(1h, [] { sleep_for(1h); });
        } catch (const timeout_error&) {
          inner_told = true;
        } catch (const cancelled& c) {
          EXPECT_EQ(c.reason(), cancel_reason::deadline);
          throw;
        }
      });
    } catch (const timeout_error&) {
      outer_told = true;
    }
    EXPECT_FALSE(inner_told);
    EXPECT_TRUE(outer_told);
  });
}

TEST(deadline, timeout_error_names_the_limit) {
  test::run([] {
    const auto text_for = [](std::chrono::nanoseconds limit) -> std::string {
      try {
        with_deadline(limit, [] { sleep_for(1h); });
      } catch (const timeout_error& e) {
        return e.what();
      }
      return "none";
    };
    EXPECT_NE(text_for(20ms).find("20 ms"), std::string::npos) << text_for(20ms);
    EXPECT_NE(text_for(300us).find("300 us"), std::string::npos) << text_for(300us);
  });
}

TEST(deadline, holds_for_tasks_of_groups_made_below_it) {
  test::run([] {
    std::atomic<int> begun{0};
    std::atomic<int> cut_short{0};
    EXPECT_THROW(with_deadline(1ms,
                               [&] {
                                 group g;
                                 for (int i = 0; i < 20; ++i) {
                                   g.spawn([&] {
                                     begun.fetch_add(1);
                                     try {
                                       group inner;
                                       inner.spawn([] { sleep_for(1h); });
                                       inner.join();
                                     } catch (const cancelled& c) {
                                       EXPECT_EQ(c.reason(), cancel_reason::deadline);
                                       cut_short.fetch_add(1);
                                       throw;
                                     }
                                   });
                                 }
                                 g.join();
                               }),
                 timeout_error);
    EXPECT_EQ(cut_short.load(), begun.load());
  });
}

TEST(deadline, is_told_although_only_tasks_were_cut_short_and_not_the_function_itself) {
  test::run([] {
    EXPECT_THROW(with_deadline(1ms,
                               [] {
                                 group g;
                                 g.spawn([] { sleep_for(1h); });
                               }),
                 timeout_error);
    EXPECT_THROW(with_deadline(0ms,
                               [] {
                                 group g;
                                 g.spawn([] {});
                               }),
                 timeout_error)
        << "the task has not even begun";
  });
}

TEST(deadline, says_nothing_if_all_tasks_have_come_to_their_end) {
  test::run([] {
    with_deadline(0ms, [&] {
      shield s(1h);
      group g;
      EXPECT_EQ(g.spawn([] { return 1; }).get(), 1);
    });
    bool begun = false;  // where the limit has passed before the task began, the next limit is longer
    for (auto limit = 100us; !begun; limit *= 2) {
      try {
        with_deadline(limit, [&] {
          group g;
          g.spawn([&, until = clock::now() + 2 * limit] {
            begun = true;
            while (clock::now() < until) test::spin(100);
          });
        });
      } catch (const timeout_error&) {
        EXPECT_FALSE(begun);
      }
    }
  });
}

TEST(deadline, does_not_hold_for_tasks_of_groups_around_it) {
  test::run([] {
    group g;
    std::optional<task<int>> t;
    EXPECT_THROW(with_deadline(1ms,
                               [&] {
                                 t = g.spawn([] {
                                   sleep_for(3ms);
                                   return 1;
                                 });
                                 sleep_for(1h);
                               }),
                 timeout_error);
    EXPECT_EQ(t->get(), 1);
  });
}

TEST(deadline, a_task_left_by_its_own_has_failed_with_timeout_error) {
  test::run([] {
    group g(supervise);
    auto own = g.spawn([] {
      deadline d(100us);
      sleep_for(1h);
    });
    auto in_inner_group = g.spawn([] {
      deadline d(100us);
      group inner;
      inner.spawn([] { sleep_for(1h); });
      inner.join();
    });
    EXPECT_THROW(own.get(), timeout_error);
    EXPECT_THROW(in_inner_group.get(), timeout_error);
    try {
      g.join();
      ADD_FAILURE();
    } catch (const group_error& e) {
      EXPECT_EQ(e.failures().size(), 2U);
      EXPECT_NE(e.find<timeout_error>(), nullptr);
    }
  });
}

TEST(deadline, a_root_function_left_by_its_own_throws_timeout_error) {
  EXPECT_THROW(test::run([] {
                 deadline d(100us);
                 sleep_for(1h);
               }),
               timeout_error);
}

TEST(deadline, around_a_task_that_it_cancels_the_task_has_not_failed) {
  test::run([] {
    deadline d(100us);
    group g;
    auto t = g.spawn([] { sleep_for(1h); });
    try {
      g.join();
      ADD_FAILURE();
    } catch (const cancelled&) {
    }
    EXPECT_THROW(t.get(), cancelled);
  });
}

TEST(deadline, needs_a_fiber) {
  try {
    deadline d(1s);
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("inside weft::run"), std::string::npos) << e.what();
  }
}

// A fiber that has moved since it set its deadline takes the timer back from another worker's heap.
TEST(deadline, is_taken_back_from_other_workers) {
  test::random_source random;
  test::run([&] {
    group g;
    for (int f = 0; f < 50; ++f) {
      g.spawn([mine = random.split()]() mutable {
        for (int i = 0; i < test::rounds(100); ++i) {
          deadline d(mine.one_in(2) ? 1h : 10s);
          yield_after_slice();  // continues where there is room
          deadline e(1h);
          if (mine.one_in(3)) sleep_for(1us);
        }
      });
    }
  });
}

TEST(deadline, many_pass_at_about_the_same_time) {
  test::run([] {
    std::atomic<int> passed{0};
    group g;
    for (int i = 0; i < 1'000; ++i) {
      g.spawn([&, i] {
        try {
          with_deadline(std::chrono::microseconds(i % 50), [] { sleep_for(1h); });
        } catch (const timeout_error&) {
          passed.fetch_add(1);
        }
      });
    }
    g.join();
    EXPECT_EQ(passed.load(), 1'000);
  });
}

}  // namespace
}  // namespace weft
