// Failures: what they cancel, what comes out of a group, and that none is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

struct numbered : std::runtime_error {
  explicit numbered(int n) : runtime_error("failure " + std::to_string(n)), number(n) {}
  int number;
};

// The numbers of all failures of that kind within a group_error, nested ones too.
void collect(const group_error& error, std::multiset<int>& numbers) {
  for (const failure& f : error.failures()) {
    try {
      std::rethrow_exception(f.error);
    } catch (const numbered& n) {
      numbers.insert(n.number);
    } catch (const group_error& nested) {
      collect(nested, numbers);
    } catch (const cancelled&) {
      ADD_FAILURE() << "cancelled counts as a failure";
    } catch (...) {
    }
  }
}
std::multiset<int> numbers_of(const group_error& error) {
  std::multiset<int> numbers;
  collect(error, numbers);
  return numbers;
}
template <class Body>
std::multiset<int> failures_of(Body body) {
  try {
    body();
  } catch (const group_error& e) {
    return numbers_of(e);
  }
  return {};
}

// Waits for ever, and says so when it begins and when it was cancelled.
struct sleeper {
  std::atomic<int>* begun;
  std::atomic<int>* cancelled_count;
  void operator()() const {
    begun->fetch_add(1);
    try {
      sleep_for(1h);
    } catch (const cancelled&) {
      cancelled_count->fetch_add(1);
      throw;
    }
  }
};

TEST(failure, one_cancels_siblings_wherever_they_wait) {
  test::run([] {
    std::atomic<int> begun{0};
    std::atomic<int> cancelled_count{0};
    std::atomic<int> below_cancelled{0};
    try {
      group g("g");
      for (int i = 0; i < 5; ++i) g.spawn(sleeper{&begun, &cancelled_count});
      g.spawn([&] {
        group inner;
        for (int i = 0; i < 5; ++i) inner.spawn(sleeper{&begun, &below_cancelled});
      });
      g.spawn([&] {
        test::give_way_until([&] { return begun.load() == 10; });
        throw numbered(1);
      });
      g.join();
      ADD_FAILURE();
    } catch (const group_error& e) {
      EXPECT_EQ(e.failures().size(), 1U);
      EXPECT_EQ(numbers_of(e), std::multiset<int>{1});
    }
    EXPECT_EQ(cancelled_count.load(), 5);
    EXPECT_EQ(below_cancelled.load(), 5);
  });
}

TEST(failure, one_cancels_the_body) {
  auto body = [] {
    group g("g");
    g.spawn([] { throw numbered(1); });
    try {
      sleep_for(1h);
      ADD_FAILURE();
    } catch (const cancelled& c) {
      EXPECT_EQ(c.reason(), cancel_reason::sibling_failed);
      EXPECT_EQ(c.origin(), "g");
      EXPECT_EQ(c.message(), "cancelled (a sibling failed) by 'g'");
    }
    EXPECT_TRUE(g.is_cancelled());
    EXPECT_THROW(yield(), cancelled) << "and again";
    EXPECT_THROW(g.join(), group_error);
    EXPECT_NO_THROW(g.join()) << "told once";
  };
  test::run(body);
}

TEST(failure, even_a_single_one_comes_as_group_error) {
  test::run([] {
    group g(supervise);
    g.spawn([] { throw numbered(7); });
    EXPECT_EQ(failures_of([&] { g.join(); }), std::multiset<int>{7});
  });
}

TEST(failure, the_end_of_the_scope_throws_too) {
  test::run([] {
    EXPECT_EQ(failures_of([] {
                group g(supervise);
                for (int i = 0; i < 4; ++i) g.spawn([i] { throw numbered(i); });
              }),
              (std::multiset<int>{0, 1, 2, 3}));
  });
}

TEST(failure, a_supervising_group_keeps_siblings_and_body_going) {
  test::run([] {
    std::atomic<int> finished{0};
    group g(supervise);
    for (int i = 0; i < 10; ++i) {
      g.spawn([&, i] {
        yield();
        if (i % 2 == 0) throw numbered(i);
        sleep_for(200us);
        finished.fetch_add(1);
      });
    }
    sleep_for(100us);
    EXPECT_FALSE(g.is_cancelled());
    EXPECT_EQ(failures_of([&] { g.join(); }), (std::multiset<int>{0, 2, 4, 6, 8}));
    EXPECT_EQ(finished.load(), 5);
    EXPECT_EQ(g.spawn([] { return 1; }).get(), 1) << "and can be used again";
  });
}

TEST(failure, each_names_its_task_and_where_it_was_spawned) {
  test::run([] {
    group g(supervise);
    const unsigned line = __LINE__ + 1;
    g.spawn([] { throw numbered(1); }, {.name = "reader"});
    g.spawn([] { throw 5; });
    try {
      g.join();
      ADD_FAILURE();
    } catch (const group_error& e) {
      ASSERT_EQ(e.failures().size(), 2U);
      const auto& named = e.failures()[0].task.empty() ? e.failures()[1] : e.failures()[0];
      const auto& nameless = e.failures()[0].task.empty() ? e.failures()[0] : e.failures()[1];
      EXPECT_EQ(named.task, "reader");
      EXPECT_EQ(named.site.line(), line);
      EXPECT_EQ(nameless.site.line(), line + 1);
      EXPECT_NE(std::string(named.site.file_name()).find("failure_test.cpp"), std::string::npos);
      const std::string text = e.what();
      EXPECT_NE(text.find("2 tasks failed"), std::string::npos) << text;
      EXPECT_NE(text.find("task 'reader' spawned at "), std::string::npos) << text;
      EXPECT_NE(text.find("failure_test.cpp:" + std::to_string(line) + ": failure 1"), std::string::npos) << text;
      EXPECT_NE(text.find("not a std::exception"), std::string::npos) << text;
    }
  });
}

TEST(failure, find_looks_into_nested_errors) {
  bool caught = false;
  try {
    test::run([] {
      group g(supervise);
      g.spawn([] {
        group inner(supervise);
        inner.spawn([] {
          group innermost(supervise);
          innermost.spawn([] { throw numbered(3); });
        });
        inner.spawn([] { throw std::string("a string"); });
      });
      g.spawn([] { throw 12L; });
    });
  } catch (const group_error& e) {
    caught = true;
    ASSERT_NE(e.find<numbered>(), nullptr);
    EXPECT_EQ(e.find<numbered>()->number, 3);
    EXPECT_EQ(e.find<std::runtime_error>(), e.find<numbered>()) << "a base finds the derived";
    ASSERT_NE(e.find<std::string>(), nullptr);
    EXPECT_EQ(*e.find<std::string>(), "a string");
    ASSERT_NE(e.find<long>(), nullptr);
    EXPECT_EQ(*e.find<long>(), 12L);
    EXPECT_EQ(e.find<std::logic_error>(), nullptr);
    EXPECT_EQ(e.find<int>(), nullptr);
    const std::string text = e.what();
    EXPECT_NE(text.find("failure 3"), std::string::npos) << "the tree is printed whole:\n" << text;
  }
  EXPECT_TRUE(caught);
}

TEST(failure, a_copy_of_group_error_keeps_the_failures) {
  std::unique_ptr<group_error> copy;
  test::run([&] {
    group g(supervise);
    g.spawn([] { throw numbered(9); });
    try {
      g.join();
    } catch (const group_error& e) {
      copy = std::make_unique<group_error>(e);
    }
  });
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(copy->find<numbered>()->number, 9);
}

TEST(failure, come_in_the_order_in_which_they_happened) {
  weft::run(test::test_options(1), [] {
    group g(supervise);
    for (int i = 0; i < 10; ++i) {
      g.spawn([i] { throw numbered(i); }).wait();
    }
    try {
      g.join();
      ADD_FAILURE();
    } catch (const group_error& e) {
      ASSERT_EQ(e.failures().size(), 10U);
      for (int i = 0; i < 10; ++i) {
        try {
          std::rethrow_exception(e.failures()[static_cast<std::size_t>(i)].error);
        } catch (const numbered& n) {
          EXPECT_EQ(n.number, i);
        }
      }
    }
  });
}

TEST(failure, one_that_get_threw_passes_alone) {
  test::run([] {
    try {
      group g;
      auto t = g.spawn([] { throw numbered(4); });
      t.get();
      ADD_FAILURE();
    } catch (const numbered& n) {
      EXPECT_EQ(n.number, 4);
    }
  });
}

// ---------------------------------------------------------------------------------------------- none is lost

TEST(failure, is_not_lost_when_the_body_is_left_by_cancelled) {
  std::multiset<int> numbers = failures_of([] {
    test::run([] {
      group g;
      g.spawn([] { throw numbered(1); });
      sleep_for(1h);  // throws cancelled, which leaves the group and the function
    });
  });
  EXPECT_EQ(numbers, std::multiset<int>{1});
}

TEST(failure, is_not_lost_when_the_body_of_a_task_is_left_by_cancelled) {
  test::run([] {
    group g(supervise);
    auto t = g.spawn([] {
      group inner;
      inner.spawn([] { throw numbered(2); });
      sleep_for(1h);
    });
    EXPECT_THROW(t.get(), group_error);
    EXPECT_EQ(failures_of([&] { g.join(); }), std::multiset<int>{2});
  });
}

TEST(failure, is_not_lost_when_the_body_is_left_by_another_exception) {
  try {
    test::run([] {
      group g(supervise);
      auto t = g.spawn([] { throw numbered(1); });
      t.wait();
      throw std::logic_error("the body's own");
    });
    FAIL();
  } catch (const group_error& e) {
    EXPECT_EQ(numbers_of(e), std::multiset<int>{1});
    ASSERT_NE(e.find<std::logic_error>(), nullptr);
    EXPECT_STREQ(e.find<std::logic_error>()->what(), "the body's own");
  }
}

TEST(failure, is_not_lost_beside_the_one_that_get_threw) {
  try {
    test::run([] {
      group g(supervise);
      auto a = g.spawn([] { throw numbered(1); });
      auto b = g.spawn([] { throw numbered(2); });
      b.wait();
      a.get();
    });
    FAIL();
  } catch (const group_error& e) {
    EXPECT_EQ(numbers_of(e), (std::multiset<int>{1, 2}));
  }
}

TEST(failure, is_not_lost_when_a_deadline_ends_the_body) {
  bool thrown = false;  // where the task has not begun by the limit, the next limit is longer
  for (auto limit = 1ms; !thrown; limit *= 2) {
    try {
      test::run([&] {
        deadline d(limit);
        group g(supervise);
        g.spawn([&] {
          thrown = true;
          throw numbered(1);
        });
        sleep_for(1h);
      });
      FAIL();
    } catch (const group_error& e) {
      EXPECT_EQ(numbers_of(e), std::multiset<int>{1});
      EXPECT_NE(e.find<timeout_error>(), nullptr) << e.what();
    } catch (const timeout_error&) {
      EXPECT_FALSE(thrown);
    }
  }
}

TEST(failure, is_not_lost_although_the_task_ends_well) {
  try {
    test::run([] {
      try {
        group g(supervise);
        auto t = g.spawn([] { throw numbered(1); });
        t.wait();
        throw 1;
      } catch (int) {
      }
    });
    FAIL();
  } catch (const group_error& e) {
    EXPECT_EQ(numbers_of(e), std::multiset<int>{1});
  }
}

TEST(failure, that_was_told_is_not_told_again) {
  test::run([] {
    try {
      group g(supervise);
      g.spawn([] { throw numbered(1); });
      g.join();
    } catch (const group_error& e) {
      EXPECT_EQ(numbers_of(e), std::multiset<int>{1});
    }
    try {
      group g(supervise);
      g.spawn([] { throw numbered(2); }).get();
    } catch (const numbered&) {
    }
  });
}

TEST(failure, does_not_leak_from_a_task_run_on_its_waiters_stack) {
  test::run([] {
    group g(supervise);
    auto failing = g.spawn([] {
      group inner;
      inner.spawn([] { throw numbered(1); });
      sleep_for(1h);
    });
    failing.wait();
    EXPECT_THROW(failing.get(), group_error);
    EXPECT_EQ(failures_of([&] { g.join(); }), std::multiset<int>{1});
  });
}

// Trees in which tasks fail at random, wait at random, and bodies leave in all ways: each failure that happened comes out once.
struct random_failures {
  test::random_source random;
  std::atomic<int> next_number{0};
  std::atomic<int> thrown{0};

  [[noreturn]] void fail() {
    thrown.fetch_add(1);
    throw numbered(next_number.fetch_add(1));
  }

  void visit(test::random_source mine, int depth) {
    if (depth == 0) {
      if (mine.one_in(3)) yield();
      if (mine.one_in(4)) fail();
      return;
    }
    group g(supervise);
    for (int i = 0; i < 3; ++i) {
      g.spawn([this, source = mine.split(), depth]() mutable { visit(source, depth - 1); });
    }
    if (mine.one_in(3)) yield();
    if (mine.one_in(4)) fail();
    if (mine.one_in(3)) g.join();
  }
};

TEST(failure, random_trees_report_each_failure_once) {
  test::random_source random;
  for (int i = 0; i < test::rounds(100); ++i) {
    random_failures tree{random.split()};
    std::multiset<int> numbers;
    try {
      test::run([&] { tree.visit(tree.random.split(), 4); });
    } catch (const group_error& e) {
      numbers = numbers_of(e);
    } catch (const numbered& n) {
      numbers.insert(n.number);
    }
    ASSERT_EQ(static_cast<int>(numbers.size()), tree.thrown.load()) << "seed " << random.seed() << ", tree " << i;
    for (int n = 0; n < tree.thrown.load(); ++n) ASSERT_EQ(numbers.count(n), 1U);
  }
}

}  // namespace
}  // namespace weft
