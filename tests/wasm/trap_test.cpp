// How guests end that cannot go on, and what one is told.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

TEST(trap_test, a_trap_names_functions_files_and_lines) {
  weft::test::run([] {
    const auto t = trap_of(load("tool"), {.arguments = {"trap"}});
    ASSERT_TRUE(t.has_value());
    EXPECT_EQ(t->code(), trap_code::unreachable);
    ASSERT_GE(t->frames().size(), 3U);
    EXPECT_EQ(t->frames()[0].function, "innermost");
    EXPECT_THAT(t->frames()[0].file, HasSubstr("tool.c"));
    EXPECT_GT(t->frames()[0].line, 0U);
    EXPECT_EQ(t->frames()[1].function, "middle");
    EXPECT_THAT(t->what(), HasSubstr("guest 'tool.wasm' trapped: wasm `unreachable` instruction executed\n  0: "));
    EXPECT_THAT(t->what(), testing::ContainsRegex("innermost \\(?.*at (\\./)?tool.c:[0-9]+"));
  });
}

TEST(trap_test, each_kind_has_its_code) {
  weft::test::run([] {
    const auto code_of = [](const char* body) {
      const wasm::module m = assemble_module(
          "(module (memory 1) (table 1 funcref) (type $t (func)) (type $u (func (param i32)))"
          "(func $f (type $u)) (table $full funcref (elem $f)) (func (export \"_start\") " +
          std::string(body) + "))");
      const auto t = trap_of(m, {});
      return t ? t->code() : trap_code::other;
    };
    EXPECT_EQ(code_of("unreachable"), trap_code::unreachable);
    EXPECT_EQ(code_of("(drop (i32.load (i32.const 65536)))"), trap_code::memory_out_of_bounds);
    EXPECT_EQ(code_of("(drop (i32.load (i32.const -1)))"), trap_code::memory_out_of_bounds);
    EXPECT_EQ(code_of("(call_indirect (type $t) (i32.const 5))"), trap_code::table_out_of_bounds);
    EXPECT_EQ(code_of("(call_indirect (type $t) (i32.const 0))"), trap_code::null_reference);
    EXPECT_EQ(code_of("(call_indirect $full (type $t) (i32.const 0))"), trap_code::wrong_signature);
    EXPECT_EQ(code_of("(drop (i32.div_s (i32.const 1) (i32.const 0)))"), trap_code::division_by_zero);
    EXPECT_EQ(code_of("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"), trap_code::integer_overflow);
    EXPECT_EQ(code_of("(drop (i32.trunc_f64_s (f64.const nan)))"), trap_code::bad_conversion);
  });
}

TEST(trap_test, endless_recursion_exhausts_the_stack) {
  weft::test::run([] {
    const wasm::module m =
        assemble_module(R"((module (func $deeper (export "_start") (call $deeper) (call $deeper))))", "deep.wasm");
    for (int i = 0; i < 10; ++i) {
      const auto t = trap_of(m, {});
      ASSERT_TRUE(t.has_value());
      EXPECT_EQ(t->code(), trap_code::stack_exhausted);
      EXPECT_THAT(t->what(), HasSubstr("guest 'deep.wasm' trapped: call stack exhausted"));
      EXPECT_THAT(t->what(), HasSubstr("deeper"));
      EXPECT_THAT(t->what(), HasSubstr("more of the same"));
    }
  });
}

TEST(trap_test, a_guest_may_not_have_more_memory_than_its_limit) {
  weft::test::run([] {
    const auto t = trap_of(load("tool"), {.arguments = {"grow"}, .limits = {.memory = 16_MiB}});
    ASSERT_TRUE(t.has_value());
    EXPECT_EQ(t->code(), trap_code::memory_limit);
    EXPECT_THAT(t->reason(), HasSubstr("limit of 16 MiB"));
    EXPECT_THAT(t->reason(), HasSubstr("--memory"));
  });
}

TEST(trap_test, the_limit_holds_for_all_memories_and_tables_together) {
  weft::test::run([] {
    const auto code_of = [](const char* text) {
      const auto t = trap_of(assemble_module(text), {.limits = {.memory = 1_MiB}});
      return t ? t->code() : trap_code::other;
    };
    // Each for itself would fit.
    EXPECT_EQ(code_of(R"((module (memory 9) (memory 9) (func (export "_start"))))"), trap_code::memory_limit);
    EXPECT_EQ(code_of(R"((module (memory 9) (memory $b 1)
                       (func (export "_start") (drop (memory.grow $b (i32.const 8))))))"),
              trap_code::memory_limit);
    EXPECT_EQ(code_of(R"((module (table 200000 funcref) (func (export "_start"))))"), trap_code::memory_limit);
    EXPECT_EQ(run_guest(assemble_module(R"((module (memory 8) (memory 7) (func (export "_start"))))"),
                        {.limits = {.memory = 1_MiB}})
                  .exit_code,
              0);
  });
}

TEST(trap_test, a_growth_beyond_the_modules_own_maximum_is_no_affair_of_the_limit) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module (memory 1 2)
      (func (export "grow") (result i32) (memory.grow (i32.const 1000)))))");
    EXPECT_EQ(guest(m, {.limits = {.memory = 1_MiB}}).call("grow"), -1);
  });
}

TEST(trap_test, what_was_written_before_a_trap_is_not_lost) {
  weft::test::run([] {
    raw_pipe out;
    const wasm::module m = assemble_module(R"((module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\10\00\00\00\04\00\00\00\00\00\00\00\00\00\00\00last")
      (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
        unreachable)))");
    guest g(m, {.output = stdio::descriptor_lines(out.writer())});
    EXPECT_THROW(g.run(), trap);
    out.close_writer();
    EXPECT_EQ(read_to_end(out.reader()), "last\n");
  });
}

TEST(trap_test, other_guests_go_on) {
  weft::test::run([] {
    group g;
    std::atomic<int> good{0};
    std::atomic<int> bad{0};
    for (int i = 0; i < 30; ++i) {
      g.spawn([&, i] {
        try {
          if (run_tool({i % 3 == 0 ? "trap" : "compute", "1000"}).exit_code == 0) ++good;
        } catch (const trap&) {
          ++bad;
        }
      });
    }
    g.join();
    EXPECT_EQ(good, 20);
    EXPECT_EQ(bad, 10);
  });
}

}  // namespace
}  // namespace weft::wasm::test
