// Engines: where guests' memory comes from, and modules as handles.
#include "wasm_support.hpp"

#include <weft/wasm/detail/backend.hpp>

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

constexpr const char* counter = R"((module
  (memory (export "memory") 1)
  (func (export "count") (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.load (i32.const 0)))))";

TEST(engine_test, memory_on_demand_and_from_a_pool_behave_alike) {
  weft::test::run([] {
    for (const allocation a : {allocation::on_demand, allocation::automatic}) {
      engine e{{.memory = a, .pool_size = 20, .cache_directory = ""}};
      EXPECT_FALSE(e.memory_note().empty());
      guest g(e.compile(assemble(counter), "counter"));
      for (int i = 0; i < 50; ++i) EXPECT_EQ(g.call("count"), 1) << e.memory_note();
      EXPECT_EQ(e.statistics().guests_started, 50U);
    }
  });
}

TEST(engine_test, more_guests_than_the_pool_holds) {
  weft::test::run([] {
    engine e{{.memory = allocation::pool, .pool_size = 4, .cache_directory = ""}};
    EXPECT_EQ(e.memory(), allocation::pool);
    const wasm::module m = e.load(guest_file("tool"));
    {
      raw_pipe out;
      group g;
      for (int i = 0; i < 12; ++i) {
        g.spawn([&] {
          guest(m, {.arguments = {"sleep", "3600000"}, .output = stdio::descriptor_lines(out.writer())}).run();
        });
      }
      for (int i = 0; i < 12; ++i) EXPECT_EQ(read_until(out.reader(), "\n"), "sleeping\n");
      EXPECT_EQ(e.statistics().guests_on_demand, 8U);
      g.cancel();
    }
    // The room is there again.
    std::string output;
    EXPECT_EQ(guest(m, {.arguments = {"exit", "3"}, .output = stdio::capture(output)}).run(), 3);
    EXPECT_EQ(e.statistics().guests_on_demand, 8U);
  });
}

TEST(engine_test, guests_outside_of_the_pool_are_preempted_too) {
  weft::test::run([] {
    engine e{{.memory = allocation::pool, .pool_size = 1, .cache_directory = ""}};
    const wasm::module m = e.compile(assemble(R"((module (func (export "_start") (loop $l (br $l)))))"), "spin");
    group g;
    for (int i = 0; i < 4; ++i) g.spawn([&] { guest(m).run(); });
    while (e.statistics().guests_started < 4) weft::yield();
    g.cancel();
  });
}

TEST(engine_test, modules_that_no_pool_has_room_for_run_outside_of_it) {
  weft::test::run([] {
    engine e{{.memory = allocation::pool, .pool_size = 4, .cache_directory = ""}};
    const wasm::module m = e.compile(assemble(R"((module (table 500000 funcref) (memory 1) (memory 1)
      (func (export "f") (result i32) (i32.const 8))))"),
                                     "large");
    EXPECT_EQ(guest(m).call("f"), 8);
  });
}

TEST(engine_test, a_refused_pool_is_said_so) {
  EXPECT_THAT(detail::plan_memory({.memory = allocation::on_demand, .pool_size = 10}).note, HasSubstr("on demand"));
  const detail::memory_plan plan = detail::plan_memory({.pool_size = 4'000'000'000U});
  EXPECT_THAT(plan.note, HasSubstr("refused"));
  EXPECT_THAT(plan.note, HasSubstr("pool_size"));
  EXPECT_THROW(static_cast<void>(detail::plan_memory({.memory = allocation::pool, .pool_size = 4'000'000'000U})),
               std::system_error);
}

// Machines that grant little address space: memory is smaller at first, and moves when it grows.
TEST(engine_test, guests_run_where_address_space_is_short) {
  weft::test::run([] {
    const detail::backend compact({.layout = {.reservation = 1_MiB, .guard = 64_KiB}, .stack_size = 512_KiB});
    const detail::backend roomy({.layout = {.reservation = 4_GiB, .guard = 32_MiB}, .stack_size = 512_KiB});
    EXPECT_NE(compact.compatibility(), roomy.compatibility());
  });
}

TEST(engine_test, a_module_outlives_its_engine) {
  weft::test::run([] {
    std::optional<wasm::module> m;
    {
      engine e{{.memory = allocation::on_demand, .cache_directory = ""}};
      m = e.compile(assemble(counter), "counter");
    }
    EXPECT_EQ(guest(*m).call("count"), 1);
  });
}

TEST(engine_test, a_module_tells_what_it_takes_and_gives) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "f") (param i32 i64 f32 f64) (result f64) (f64.const 0))
      (global (export "g") i32 (i32.const 1))
      (table (export "t") 1 funcref)))");
    ASSERT_EQ(m.imports().size(), 1U);
    EXPECT_EQ(m.imports()[0].module, "wasi_snapshot_preview1");
    EXPECT_EQ(m.imports()[0].name, "fd_close");
    EXPECT_EQ(m.imports()[0].kind, "i:i");
    ASSERT_EQ(m.exports().size(), 4U);
    EXPECT_EQ(m.exports()[0].kind, "memory");
    EXPECT_EQ(m.exports()[1].kind, "iIfF:F");
    EXPECT_EQ(m.exports()[2].kind, "global");
    EXPECT_EQ(m.exports()[3].kind, "table");
    EXPECT_TRUE(m.missing_imports().empty());
  });
}

TEST(engine_test, amounts_of_memory_for_people) {
  EXPECT_EQ(format_bytes(0), "0 bytes");
  EXPECT_EQ(format_bytes(64_MiB), "64 MiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(4_GiB), "4 GiB");
}

}  // namespace
}  // namespace weft::wasm::test
