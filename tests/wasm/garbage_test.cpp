// Guests whose memory is collected: the engine gives way in the midst of a collection, which is neither a wait nor an end.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

constexpr const char* collected = R"((module
  (import "wasi_snapshot_preview1" "sched_yield" (func $wait (result i32)))
  (type $bytes (array (mut i8)))
  (func $fill (export "fill") (param $arrays i32) (result i32)
    (loop $next
      (drop (array.new_default $bytes (i32.const 100000)))
      (br_if $next (local.tee $arrays (i32.sub (local.get $arrays) (i32.const 1)))))
    (i32.const 42))
  (func (export "wait_and_fill") (param $arrays i32) (result i32)
    (drop (call $wait))
    (call $fill (local.get $arrays)))))";

TEST(garbage_test, a_collection_is_not_the_end_of_a_call) {
  weft::test::run([] {
    instance made(assemble_module(collected), {.limits = {.memory = 4_MiB}});
    for (int i = 0; i < 20; ++i) EXPECT_EQ((made.call<int(int)>("fill", 200)), 42);
  });
}

TEST(garbage_test, a_collection_is_not_taken_for_the_wait_before_it) {
  weft::test::run([] {
    instance made(assemble_module(collected), {.limits = {.memory = 4_MiB}});
    for (int i = 0; i < 20; ++i) EXPECT_EQ((made.call<int(int)>("wait_and_fill", 200)), 42);
  });
}

}  // namespace
}  // namespace weft::wasm::test
