// Values that follow the work from a task to those it spawns.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/local.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

local<std::string> request{"none"};
local<int> depth;

TEST(local, gives_the_default_where_nothing_is_bound) {
  EXPECT_EQ(request.get(), "none");
  EXPECT_EQ(*depth, 0);
  test::run([] {
    EXPECT_EQ(*request, "none");
    EXPECT_EQ(request->size(), 4U);
  });
}

TEST(local, the_innermost_binding_counts) {
  test::run([] {
    local<std::string>::binding outer(request, "outer");
    EXPECT_EQ(*request, "outer");
    {
      local<int>::binding other(depth, 7);
      local<std::string>::binding inner(request, "inner");
      EXPECT_EQ(*request, "inner");
      EXPECT_EQ(*depth, 7);
    }
    EXPECT_EQ(*request, "outer");
    EXPECT_EQ(*depth, 0);
  });
}

TEST(local, tasks_see_what_their_spawner_saw) {
  test::run([] {
    group g;
    std::optional<task<std::string>> bound;
    {
      local<std::string>::binding b(request, "spawner's");
      bound = g.spawn([] {
        yield();
        sleep_for(10us);
        group inner;
        return inner.spawn([] { return *request; }).get();
      });
    }
    EXPECT_EQ(g.spawn([] { return *request; }).get(), "none") << "the binding is gone";
    EXPECT_EQ(bound->get(), "spawner's") << "but not for whom it was there";
  });
}

TEST(local, a_tasks_bindings_do_not_reach_its_waiter_or_siblings) {
  test::run([] {
    local<int>::binding mine(depth, 1);
    group g;
    auto t = g.spawn([] {
      local<int>::binding own(depth, 2);
      return *depth;
    });
    EXPECT_EQ(t.get(), 2);
    EXPECT_EQ(*depth, 1);
    for (int i = 0; i < 20; ++i) {
      g.spawn([] {
        EXPECT_EQ(*depth, 1);
        local<int>::binding own(depth, 3);
        yield();
        EXPECT_EQ(*depth, 3);
      });
    }
    g.join();
    EXPECT_EQ(*depth, 1);
  });
}

TEST(local, bindings_end_when_an_exception_passes) {
  test::run([] {
    EXPECT_THROW(
        {
          local<int>::binding b(depth, 5);
          throw 1;
        },
        int);
    EXPECT_EQ(*depth, 0);
  });
}

TEST(local, values_live_as_long_as_a_task_sees_them_and_no_longer) {
  auto counted = std::make_shared<int>(4);
  static local<std::shared_ptr<int>> key;
  test::run([&] {
    group g;
    {
      local<std::shared_ptr<int>>::binding b(key, counted);
      g.spawn([] {
        for (int i = 0; i < 10; ++i) yield();
        EXPECT_EQ(**key, 4);
      });
      group never;
      never.cancel();
      never.spawn([] {});
    }
    g.join();
    EXPECT_EQ(counted.use_count(), 1);
  });
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(local, can_be_bound_in_fibers_only) {
  EXPECT_THROW(local<int>::binding b(depth, 1), std::logic_error);
  EXPECT_EQ(*depth, 0);
}

TEST(local, follows_spawns_of_many_levels_and_workers) {
  struct tree {
    static void grow(int level) {
      EXPECT_EQ(*depth, level);
      if (level == 6) return;
      local<int>::binding next(depth, level + 1);
      group g;
      for (int i = 0; i < 3; ++i) {
        g.spawn([level] {
          if (level % 2 == 0) yield();
          grow(level + 1);
        });
      }
    }
  };
  test::run([] { tree::grow(0); });
}

}  // namespace
}  // namespace weft
