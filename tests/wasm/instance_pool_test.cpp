// Instances kept warm.
#include "wasm_support.hpp"

#include <atomic>

namespace weft::wasm::test {
namespace {

module counter() {
  return assemble_module(R"((module
    (global $count (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
    (func (export "crash") unreachable)))",
                         "counter.wasm");
}

TEST(instance_pool_test, an_instance_is_used_again) {
  weft::test::run([] {
    instance_pool pool(counter(), {}, {.size = 2});
    for (int n = 1; n <= 10; ++n) EXPECT_EQ(pool.acquire()->call<int()>("next"), n);
    {
      const auto one = pool.acquire();
      const auto two = pool.acquire();
      EXPECT_EQ(one->call<int()>("next"), 11);
      EXPECT_EQ(two->call<int()>("next"), 1);
      EXPECT_EQ(pool.statistics().in_use, 2U);
    }
    EXPECT_EQ(pool.statistics().at_rest, 2U);
    EXPECT_EQ(pool.statistics().made, 2U);
  });
}

TEST(instance_pool_test, it_is_replaced_when_it_was_used_often_enough) {
  weft::test::run([] {
    instance_pool fresh(counter(), {}, {.size = 4, .uses = 1});
    for (int n = 0; n < 5; ++n) EXPECT_EQ(fresh.acquire()->call<int()>("next"), 1);
    EXPECT_EQ(fresh.statistics().made, 5U);
    instance_pool thrice(counter(), {}, {.size = 4, .uses = 3});
    for (int n = 0; n < 9; ++n) EXPECT_EQ(thrice.acquire()->call<int()>("next"), n % 3 + 1);
  });
}

TEST(instance_pool_test, one_that_has_trapped_is_thrown_away) {
  weft::test::run([] {
    instance_pool pool(counter(), {}, {.size = 1});
    EXPECT_EQ(pool.acquire()->call<int()>("next"), 1);
    EXPECT_THROW(pool.acquire()->call<void()>("crash"), trap);
    EXPECT_EQ(pool.acquire()->call<int()>("next"), 1);
    EXPECT_EQ(pool.statistics().thrown_away, 1U);
  });
}

TEST(instance_pool_test, there_are_never_more_than_its_size) {
  weft::test::run([] {
    std::atomic<int> inside{0};
    host_functions host;
    host.add("app", "stay", [&] {
      EXPECT_LE(++inside, 3);
      yield();
      --inside;
    });
    instance_pool pool(assemble_module(R"((module (import "app" "stay" (func $stay))
                                          (func (export "f") (call $stay))))"),
                       {.functions = host}, {.size = 3});
    group g;
    for (int i = 0; i < 100; ++i) g.spawn([&] { pool.acquire()->call<void()>("f"); });
    g.join();
    EXPECT_LE(pool.statistics().made, 3U);
    EXPECT_EQ(pool.statistics().in_use, 0U);
  });
}

TEST(instance_pool_test, who_waits_for_one_can_be_cancelled) {
  weft::test::run([] {
    instance_pool pool(counter(), {}, {.size = 1});
    auto held = pool.acquire();
    EXPECT_THROW(with_deadline(std::chrono::milliseconds(1), [&] { static_cast<void>(pool.acquire()); }),
                 timeout_error);
    instance_pool::lease other = std::move(held);
    EXPECT_EQ(other->call<int()>("next"), 1);
  });
}

TEST(instance_pool_test, what_cannot_work_is_said_when_it_is_made) {
  weft::test::run([] {
    EXPECT_THROW(instance_pool(counter(), {}, {.size = 0}), std::invalid_argument);
    EXPECT_THROW(instance_pool(assemble_module(R"((module (import "no" "such" (func))))")), module_error);
  });
}

}  // namespace
}  // namespace weft::wasm::test
