// Cancellation: which waits it reaches, how it looks to the cancelled, and what it leaves alone.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/shield.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_base_of_v<std::exception, cancelled>, "catch (const std::exception&) must not swallow it");

// Runs f in a task of a group that is cancelled while f waits; true if f ended by `cancelled`.
template <class F>
bool is_cancelled_while_waiting(F f) {
  return test::run([&] {
    std::atomic<bool> begun{false};
    std::atomic<bool> was_cancelled{false};
    group g("cancelling");
    g.spawn([&] {
      begun.store(true);
      try {
        f();
      } catch (const cancelled& c) {
        EXPECT_EQ(c.origin(), "cancelling");
        EXPECT_EQ(c.reason(), cancel_reason::requested);
        was_cancelled.store(true);
        throw;
      }
    });
    test::give_way_until([&] { return begun.load(); });
    for (int i = 0; i < 50; ++i) yield();
    g.cancel();
    g.join();
    return was_cancelled.load();
  });
}

TEST(cancel, reaches_a_sleep) {
  EXPECT_TRUE(is_cancelled_while_waiting([] { sleep_for(1h); }));
  EXPECT_TRUE(is_cancelled_while_waiting([] { sleep_until(std::chrono::steady_clock::time_point::max()); }));
}

TEST(cancel, reaches_a_yield) {
  EXPECT_TRUE(is_cancelled_while_waiting([] {
    for (;;) yield();
  }));
  EXPECT_TRUE(is_cancelled_while_waiting([] {
    for (;;) yield_after_slice();
  }));
}

TEST(cancel, reaches_a_wait_for_a_task_of_another_group) {
  for (const bool limited : {false, true}) {
    test::run([limited] {
      group unaffected;
      auto endless = unaffected.spawn([] { sleep_for(1h); });
      std::atomic<bool> begun{false};
      bool was_cancelled = false;
      group g;
      g.spawn([&] {
        begun.store(true);
        try {
          if (limited) {
            (void)endless.wait_for(1h);
          } else {
            endless.wait();
          }
        } catch (const cancelled&) {
          was_cancelled = true;
        }
      });
      test::give_way_until([&] { return begun.load(); });
      for (int i = 0; i < 50; ++i) yield();
      g.cancel();
      g.join();
      EXPECT_TRUE(was_cancelled);
      EXPECT_FALSE(endless.done());
      unaffected.cancel();
    });
  }
}

TEST(cancel, reaches_a_parker) {
  EXPECT_TRUE(is_cancelled_while_waiting([] {
    parker self;
    EXPECT_EQ(self.park(), wake::cancelled);
    throw_cancelled();
  }));
}

TEST(cancel, reaches_who_only_checks) {
  EXPECT_TRUE(is_cancelled_while_waiting([] {
    for (;;) {
      check_cancelled();
      parker self(parker::cancellation::ignored);
      (void)self.park_until(std::chrono::steady_clock::now(), [] {});
    }
  }));
}

TEST(cancel, reaches_through_groups_and_deadlines_below) {
  EXPECT_TRUE(is_cancelled_while_waiting([] {
    group a;
    deadline d(1h);
    group b;
    group c(supervise);
    sleep_for(1h);
  }));
  EXPECT_TRUE(is_cancelled_while_waiting([] {
    std::atomic<bool> begun{false};
    std::atomic<bool> was_cancelled{false};
    try {
      group a;
      a.spawn([&] {
        deadline d(1h);
        group b;
        b.spawn([&] {
          begun.store(true);
          try {
            sleep_for(1h);
          } catch (const cancelled& c) {
            EXPECT_EQ(c.origin(), "cancelling");
            was_cancelled.store(true);
            throw;
          }
        });
        b.join();
      });
      a.join();
    } catch (const cancelled&) {
      EXPECT_EQ(was_cancelled.load(), begun.load());
      throw;
    }
  }));
}

TEST(cancel, is_seen_by_join_of_a_group_below_after_it_has_waited) {
  test::run([] {
    group outer("outer");
    std::atomic<bool> begun{false};
    std::atomic<bool> ended{false};
    auto t = outer.spawn([&] {
      group inner;
      inner.spawn([&] {
        begun.store(true);
        try {
          sleep_for(1h);
        } catch (const cancelled&) {
          for (int i = 0; i < 10; ++i) {
            parker self(parker::cancellation::ignored);
            (void)self.park_until(std::chrono::steady_clock::now() + 100us, [] {});
          }
          ended.store(true);
          throw;
        }
      });
      try {
        inner.join();
        ADD_FAILURE();
      } catch (const cancelled& c) {
        EXPECT_EQ(c.origin(), "outer");
        EXPECT_TRUE(ended.load()) << "join() waits in any case";
        throw;
      }
    });
    test::give_way_until([&] { return begun.load(); });
    outer.cancel();
    outer.join();
    EXPECT_THROW(t.get(), cancelled);
  });
}

TEST(cancel, is_a_level_and_not_an_event) {
  test::run([] {
    group g("g");
    g.cancel();
    g.cancel();
    EXPECT_TRUE(g.is_cancelled());
    for (int i = 0; i < 3; ++i) {
      EXPECT_THROW(sleep_for(1h), cancelled);
      EXPECT_THROW(sleep_for(0ns), cancelled);
      EXPECT_THROW(sleep_for(-1s), cancelled);
      EXPECT_THROW(yield(), cancelled);
      EXPECT_THROW(yield_after_slice(), cancelled);
      EXPECT_THROW(check_cancelled(), cancelled);
      EXPECT_THROW(blocking([] {}), cancelled);
      EXPECT_THROW(parker{}, cancelled);
    }
  });
}

TEST(cancel, ends_with_the_group_that_was_cancelled) {
  test::run([] {
    {
      group g;
      g.cancel();
      EXPECT_THROW(yield(), cancelled);
    }
    EXPECT_NO_THROW(yield());
    EXPECT_NO_THROW(sleep_for(1us));
    group next;
    EXPECT_FALSE(next.is_cancelled());
    EXPECT_EQ(next.spawn([] {
                    yield();
                    return 1;
                  })
                  .get(),
              1);
  });
}

TEST(cancel, of_an_inner_group_leaves_the_outer_one_alone) {
  test::run([] {
    group outer;
    auto bystander = outer.spawn([] {
      for (int i = 0; i < 100; ++i) yield();
      sleep_for(100us);
      return 1;
    });
    {
      group inner;
      inner.spawn([] { sleep_for(1h); });
      yield();
      inner.cancel();
    }
    EXPECT_FALSE(outer.is_cancelled());
    EXPECT_EQ(bystander.get(), 1);
  });
}

TEST(cancel, is_not_swallowed_by_handlers_of_std_exception) {
  EXPECT_TRUE(is_cancelled_while_waiting([] {
    for (;;) {
      try {
        sleep_for(1h);
      } catch (const std::exception&) {
        ADD_FAILURE();
      }
    }
  }));
}

TEST(cancel, is_not_thrown_while_unwinding) {
  test::run([] {
    struct cleanup {
      int& steps;
      ~cleanup() {
        sleep_for(10us);
        yield();
        check_cancelled();
        ++steps;
      }
    };
    int steps = 0;
    std::atomic<bool> begun{false};
    group g;
    g.spawn([&] {
      const cleanup outer{steps};
      const cleanup inner{steps};
      begun.store(true);
      sleep_for(1h);
    });
    test::give_way_until([&] { return begun.load(); });
    g.cancel();
    g.join();
    EXPECT_EQ(steps, 2);
  });
}

TEST(cancel, is_thrown_again_in_a_handler) {
  test::run([] {
    group g;
    g.cancel();
    try {
      yield();
    } catch (const cancelled&) {
      EXPECT_THROW(yield(), cancelled);
      EXPECT_THROW(sleep_for(1ms), cancelled);
    }
  });
}

TEST(cancel, a_completed_result_is_delivered) {
  test::run([] {
    group g;
    auto t = g.spawn([] { return 5; });
    auto nothing = g.spawn([] {});
    g.join();
    g.cancel();
    t.wait();
    EXPECT_TRUE(t.wait_for(0ns));
    EXPECT_EQ(t.get(), 5);
    nothing.get();
  });
}

TEST(cancel, tasks_that_have_not_begun_never_do) {
  test::run([] {
    std::atomic<int> ran{0};
    group g("g");
    g.cancel();
    std::vector<task<int>> handles;
    for (int i = 0; i < 100; ++i) {
      handles.push_back(g.spawn([&] { return ran.fetch_add(1); }));
    }
    g.join();
    EXPECT_EQ(ran.load(), 0);
    for (auto& t : handles) {
      EXPECT_TRUE(t.done());
      try {
        t.get();
        ADD_FAILURE();
      } catch (const cancelled& c) {
        EXPECT_EQ(c.origin(), "g");
      }
    }
  });
}

TEST(cancel, a_cancelled_task_has_not_failed) {
  test::run([] {
    group g;
    auto t = g.spawn([] { sleep_for(1h); });
    yield();
    g.cancel();
    EXPECT_NO_THROW(g.join());
    EXPECT_THROW(t.get(), cancelled);
  });
}

TEST(cancel, may_be_called_by_the_tasks_of_the_group) {
  test::run([] {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        begun.fetch_add(1);
        try {
          sleep_for(1h);
        } catch (const cancelled&) {
          ended.fetch_add(1);
        }
      });
    }
    g.spawn([&] {
      test::give_way_until([&] { return begun.load() == 10; });
      g.cancel();
      EXPECT_THROW(yield(), cancelled) << "it is meant, too";
    });
    g.join();
    EXPECT_EQ(ended.load(), 10);
  });
}

TEST(cancel, may_come_from_a_foreign_thread) {
  test::run([] {
    for (int i = 0; i < test::rounds(200); ++i) {
      std::atomic<int> begun{0};
      group g;
      for (int k = 0; k < 5; ++k) {
        g.spawn([&] {
          begun.fetch_add(1);
          sleep_for(1h);
        });
      }
      std::thread foreign([&] {
        test::give_way_until([&] { return begun.load() == 5; });
        g.cancel();
      });
      g.join();
      foreign.join();
    }
  });
}

TEST(cancel, tells_by_whom_it_was_cancelled) {
  test::run([] {
    group g;  // nameless: told by where it was made
    const unsigned line = __LINE__ - 1;
    g.cancel();
    try {
      yield();
    } catch (const cancelled& c) {
      EXPECT_NE(c.origin().find("cancel_test.cpp:" + std::to_string(line)), std::string::npos) << c.origin();
      EXPECT_NE(c.message().find("cancelled (on request) by"), std::string::npos) << c.message();
    }
  });
}

TEST(cancel, reasons_have_words) {
  for (const auto reason : {cancel_reason::requested, cancel_reason::sibling_failed, cancel_reason::group_left,
                            cancel_reason::deadline, cancel_reason::shutdown}) {
    EXPECT_FALSE(to_string(reason).empty());
    EXPECT_NE(to_string(reason), "unknown");
  }
}

// ---------------------------------------------------------------------------------------------- many

void park_tree(group& in, int fan_out, int depth, std::atomic<int>& parked, std::atomic<int>& ended) {
  for (int i = 0; i < fan_out; ++i) {
    in.spawn([=, &parked, &ended] {
      struct at_end {
        std::atomic<int>& n;
        ~at_end() { n.fetch_add(1); }
      } count{ended};
      if (depth > 1) {
        group below;
        park_tree(below, fan_out, depth - 1, parked, ended);
        parked.fetch_add(1);
        below.join();
      } else {
        parker self;
        if (self.park([&] { parked.fetch_add(1); }) == wake::cancelled) throw_cancelled();
      }
    });
  }
}

// 10 + 100 + ... tasks that wait, each in the group of one above it.
void cancel_a_tree_of_depth(int depth) {
  int size = 0;
  for (int level = 1, width = 10; level <= depth; ++level, width *= 10) size += width;
  options o = test::test_options();
  o.stack_size = 64 << 10;
  weft::run(o, [&] {
    std::atomic<int> parked{0};
    std::atomic<int> ended{0};
    {
      group root;
      park_tree(root, 10, depth, parked, ended);
      test::give_way_until([&] { return parked.load() == size; });
      EXPECT_EQ(ended.load(), 0);
      root.cancel();
    }
    EXPECT_EQ(ended.load(), size);
  });
}

TEST(cancel, of_a_tree_of_a_hundred_thousand_parked_tasks_releases_all) {
  cancel_a_tree_of_depth(test::sanitized ? 4 : 5);
}

TEST(cancel, of_a_tree_reaches_all_of_it_again_and_again) {
  for (int i = 0; i < 5; ++i) cancel_a_tree_of_depth(3);
}

// ---------------------------------------------------------------------------------------------- shields

TEST(shield, lets_cleanup_wait_although_the_scope_is_cancelled) {
  test::run([] {
    std::atomic<bool> begun{false};
    bool cleaned_up = false;
    group g;
    g.spawn([&] {
      begun.store(true);
      try {
        sleep_for(1h);
      } catch (const cancelled&) {
        {
          shield s(10s);
          sleep_for(100us);
          yield();
          group inner;
          EXPECT_EQ(inner
                        .spawn([] {
                          sleep_for(50us);
                          return 3;
                        })
                        .get(),
                    3);
          cleaned_up = true;
        }
        EXPECT_THROW(yield(), cancelled) << "the shield is gone";
        throw;
      }
    });
    test::give_way_until([&] { return begun.load(); });
    g.cancel();
    g.join();
    EXPECT_TRUE(cleaned_up);
  });
}

TEST(shield, protects_a_wait_that_is_under_way) {
  test::run([] {
    std::atomic<bool> waiting{false};
    std::atomic<bool> go_on{false};
    bool completed = false;
    group g;
    g.spawn([&] {
      shield s(10s);
      waiting.store(true);
      test::give_way_until([&] { return go_on.load(); });
      completed = true;
    });
    test::give_way_until([&] { return waiting.load(); });
    g.cancel();
    for (int i = 0; i < 50; ++i) {
      shield s(10s);
      yield();
    }
    go_on.store(true);
    g.join();
    EXPECT_TRUE(completed);
  });
}

TEST(shield, ends_with_its_grace) {
  test::run([] {
    group g;
    g.cancel();
    try {
      shield s(1ms);
      sleep_for(1h);
      ADD_FAILURE();
    } catch (const cancelled& c) {
      EXPECT_EQ(c.reason(), cancel_reason::deadline);
    }
  });
}

TEST(shield, without_grace_protects_nothing) {
  test::run([] {
    shield s(0ns);
    EXPECT_THROW(yield(), cancelled);
  });
}

TEST(shield, needs_a_fiber) { EXPECT_THROW(shield s(1s), std::logic_error); }

TEST(shield, may_last_for_ever) {
  test::run([] {
    group g;
    g.cancel();
    shield s(std::chrono::nanoseconds::max());
    EXPECT_NO_THROW(sleep_for(1ms));
  });
}

}  // namespace
}  // namespace weft
