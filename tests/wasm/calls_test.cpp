// Calling a library's functions.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

TEST(calls_test, integers_go_in_and_come_out) {
  weft::test::run([] {
    guest g(load("library"));
    EXPECT_EQ(g.call("add", {2, 3}), 5);
    EXPECT_EQ(g.call("add", {-7, 3}), -4);
    EXPECT_EQ(g.call("wide", {5'000'000'000}), 15'000'000'000);
  });
}

TEST(calls_test, a_library_is_made_ready_first) {
  weft::test::run([] { EXPECT_EQ(guest(load("library")).call("readiness", {2}), 42); });
}

TEST(calls_test, a_function_without_result_gives_none) {
  weft::test::run([] {
    std::string output;
    guest g(load("library"), {.output = stdio::capture(output)});
    EXPECT_EQ(g.call("say"), std::nullopt);
    EXPECT_EQ(g.call("leave"), std::nullopt);
  });
}

void expect_no_function(guest& g, std::string_view name, std::initializer_list<std::int64_t> arguments) {
  try {
    g.call(name, arguments);
    FAIL() << "called";
  } catch (const module_error& e) {
    EXPECT_EQ(e.fault(), module_fault::missing_export);
    EXPECT_THAT(e.what(), HasSubstr("'" + std::string(name) + "'"));
  }
}

TEST(calls_test, what_cannot_be_called_is_named) {
  weft::test::run([] {
    guest g(load("library"));
    expect_no_function(g, "subtract", {});
    expect_no_function(g, "add", {1});
    expect_no_function(g, "half", {1});
    expect_no_function(g, "memory", {});
    EXPECT_THROW(g.run(), module_error);
  });
}

TEST(calls_test, a_start_function_runs_with_the_instance) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (global $g (mut i32) (i32.const 1))
      (func $begin (global.set $g (i32.const 9)))
      (start $begin)
      (func (export "get") (result i32) (global.get $g))))");
    EXPECT_EQ(guest(m).call("get"), 9);
  });
}

TEST(calls_test, an_exit_in_the_start_function_ends_the_guest) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func $begin (call $exit (i32.const 4)))
      (start $begin)
      (func (export "_start") unreachable)))");
    EXPECT_EQ(guest(m).run(), 4);
  });
}

// The host functions see the memory also while the instance is being made.
TEST(calls_test, host_functions_work_in_the_start_function) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (memory (export "memory") 1)
      (global $error (mut i32) (i32.const -1))
      (func $begin
        (drop (call $yield))
        (global.set $error (call $time (i32.const 1) (i64.const 0) (i32.const 16))))
      (start $begin)
      (func (export "error") (result i32) (global.get $error))
      (func (export "seen") (result i32) (i64.ne (i64.load (i32.const 16)) (i64.const 0)))))");
    guest g(m);
    EXPECT_EQ(g.call("error"), 0);
    EXPECT_EQ(g.call("seen"), 1);
  });
}

// A module need not have a memory; pointers then lead nowhere.
TEST(calls_test, without_memory_every_pointer_is_a_fault) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
      (func (export "time") (result i32) (call $time (i32.const 1) (i64.const 0) (i32.const 0)))))");
    EXPECT_EQ(guest(m).call("time"), 21);
  });
}

TEST(calls_test, memory_that_grows_in_a_call_is_seen_by_the_next_host_function) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "f") (result i32)
        (drop (memory.grow (i32.const 100)))
        (i32.add
          (call $random (i32.const 6553600) (i32.const 65536))
          (i32.mul (i32.const 1000) (call $random (i32.const 6553601) (i32.const 65536)))))))");
    EXPECT_EQ(guest(m).call("f"), 21'000);
  });
}

}  // namespace
}  // namespace weft::wasm::test
