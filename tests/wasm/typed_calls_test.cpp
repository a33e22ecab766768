// Calls by the types of C++, on fresh guests and on instances that stay.
#include "wasm_support.hpp"

#include <limits>
#include <tuple>

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

module arithmetic() {
  return assemble_module(R"((module
    (memory (export "memory") 1 4)
    (global $count (mut i32) (i32.const 0))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "wide") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
    (func (export "half") (param f32) (result f32) (f32.div (local.get 0) (f32.const 2)))
    (func (export "scale") (param f64 i32) (result f64) (f64.mul (local.get 0) (f64.convert_i32_s (local.get 1))))
    (func (export "divide") (param i32 i32) (result i32 i32)
      (i32.div_u (local.get 0) (local.get 1)) (i32.rem_u (local.get 0) (local.get 1)))
    (func (export "mixed") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
      (local.get 3) (local.get 2) (local.get 1) (local.get 0))
    (func (export "odd") (param i32) (result i32) (i32.and (local.get 0) (i32.const 1)))
    (func (export "next") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "poke") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (func (export "crash") unreachable)
    (func (export "spin") (loop $l (br $l)))))",
                         "arithmetic.wasm");
}

enum class colour : std::uint8_t { red = 1, green = 2 };

// On a fresh guest each time, and on an instance.
template <class Callee>
void expect_all_types(Callee& g) {
  EXPECT_EQ((g.template call<int(int, int)>("add", 2, 3)), 5);
  EXPECT_EQ((g.template call<std::uint32_t(std::uint32_t, std::int16_t)>("add", 4'000'000'000U, std::int16_t{-1})),
            3'999'999'999U);
  EXPECT_EQ(g.template call<std::int64_t(std::int64_t)>("wide", -5'000'000'000), -15'000'000'000);
  EXPECT_EQ(g.template call<float(float)>("half", 0.5F), 0.25F);
  EXPECT_EQ((g.template call<double(double, int)>("scale", 1.5, -4)), -6.0);
  EXPECT_EQ((g.template call<std::tuple<int, int>(int, int)>("divide", 17, 5)), std::tuple(3, 2));
  EXPECT_EQ((g.template call<std::tuple<double, float, std::int64_t, int>(int, std::int64_t, float, double)>(
                "mixed", -7, std::int64_t{1} << 40, 1.5F, -2.5)),
            std::tuple(-2.5, 1.5F, std::int64_t{1} << 40, -7));
  EXPECT_TRUE(g.template call<bool(int)>("odd", 3));
  EXPECT_FALSE(g.template call<bool(int)>("odd", 4));
  EXPECT_EQ((g.template call<colour(colour, colour)>("add", colour::red, colour::red)), colour::green);
  g.template call<void(int, int)>("poke", 1, 2);
}

TEST(typed_calls_test, numbers_of_every_type_go_in_and_come_out) {
  weft::test::run([] {
    guest fresh(arithmetic());
    expect_all_types(fresh);
    instance kept(arithmetic());
    expect_all_types(kept);
  });
}

TEST(typed_calls_test, a_wrong_type_is_told_with_both) {
  weft::test::run([] {
    instance i(arithmetic());
    try {
      i.call<double(std::int64_t)>("add", std::int64_t{1});
      FAIL() << "called";
    } catch (const module_error& e) {
      EXPECT_EQ(e.fault(), module_fault::wrong_signature);
      EXPECT_THAT(e.what(), HasSubstr("'add' of 'arithmetic.wasm' is (i32, i32) -> i32"));
      EXPECT_THAT(e.what(), HasSubstr("called as (i64) -> f64"));
    }
    try {
      guest(arithmetic()).call<void()>("divide");
      FAIL() << "called";
    } catch (const module_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("is (i32, i32) -> (i32, i32), and was called as ()"));
    }
    EXPECT_THROW(i.call<void()>("subtract"), module_error);
    EXPECT_THROW(i.call<void()>("memory"), module_error);
    EXPECT_TRUE(i.has_function("add"));
    EXPECT_FALSE(i.has_function("memory"));
    EXPECT_TRUE(i.usable());
  });
}

TEST(typed_calls_test, an_instance_keeps_its_state_and_a_guest_does_not) {
  weft::test::run([] {
    instance i(arithmetic());
    const auto next = i.function<int()>("next");
    for (int n = 1; n <= 1000; ++n) EXPECT_EQ(next(), n);
    EXPECT_EQ(i.call<int()>("next"), 1001);
    guest g(arithmetic());
    EXPECT_EQ(g.call<int()>("next"), 1);
    EXPECT_EQ(g.call<int()>("next"), 1);
  });
}

TEST(typed_calls_test, a_library_is_made_ready_once) {
  weft::test::run([] {
    instance i(load("library"));
    EXPECT_EQ(i.call<int(int)>("readiness", 2), 42);
    EXPECT_EQ(i.call<double(double)>("half", 3), 1.5);
    EXPECT_GT(i.statistics().peak_memory, 0U);
  });
}

TEST(typed_calls_test, an_exit_is_told_apart_from_a_result) {
  weft::test::run([] {
    instance i(load("library"));
    try {
      static_cast<void>(i.call<int()>("leave"));
      FAIL() << "returned";
    } catch (const guest_exit& e) {
      EXPECT_EQ(e.code(), 3);
      EXPECT_THAT(e.what(), HasSubstr("'library.wasm'"));
    }
    EXPECT_FALSE(i.usable());
    EXPECT_THROW(guest(load("library")).call<int()>("leave"), guest_exit);
  });
}

TEST(typed_calls_test, what_a_library_has_printed_comes_out_at_its_end_at_the_latest) {
  weft::test::run([] {
    std::string output;
    {
      instance i(load("library"), {.output = stdio::capture(output)});
      i.call<void()>("say");
    }
    EXPECT_EQ(output, "said\n");
  });
}

TEST(typed_calls_test, after_a_trap_an_instance_is_not_used_again) {
  weft::test::run([] {
    instance i(arithmetic());
    try {
      i.call<void()>("crash");
      FAIL() << "returned";
    } catch (const trap& t) {
      EXPECT_EQ(t.code(), trap_code::unreachable);
      EXPECT_EQ(t.cause(), nullptr);
    }
    EXPECT_FALSE(i.usable());
    EXPECT_THROW(i.call<int()>("next"), std::logic_error);
    EXPECT_THROW(static_cast<void>(i.memory().size()), std::logic_error);
  });
}

TEST(typed_calls_test, cancelling_ends_a_call_that_computes_for_ever) {
  weft::test::run([] {
    instance i(arithmetic());
    EXPECT_THROW(with_deadline(std::chrono::milliseconds(5), [&] { i.call<void()>("spin"); }), timeout_error);
    EXPECT_FALSE(i.usable());
  });
}

TEST(typed_calls_test, a_second_fiber_is_refused_while_a_call_is_under_way) {
  weft::test::run([] {
    event entered;
    event leave;
    host_functions host;
    host.add("app", "wait", [&] {
      entered.set();
      leave.wait();
    });
    instance i(assemble_module(R"((module (import "app" "wait" (func $wait)) (memory (export "memory") 1)
                                  (func (export "wait") (call $wait)) (func (export "f"))))"),
               {.functions = host});
    group g;
    g.spawn([&] { i.call<void()>("wait"); });
    entered.wait();
    EXPECT_THROW(i.call<void()>("f"), std::logic_error);
    EXPECT_THROW(static_cast<void>(i.memory().size()), std::logic_error);
    leave.set();
    g.join();
    i.call<void()>("f");
  });
}

TEST(typed_calls_test, an_instance_may_be_used_by_one_fiber_after_the_other) {
  weft::test::run([] {
    instance i(arithmetic());
    for (int n = 1; n <= 100; ++n) {
      group g;
      g.spawn([&] { EXPECT_EQ(i.call<int()>("next"), n); });
      g.join();
    }
    instance moved(std::move(i));
    EXPECT_EQ(moved.call<int()>("next"), 101);
  });
}

TEST(typed_calls_test, instances_also_work_on_ordinary_threads) {
  instance i(arithmetic());
  EXPECT_EQ((i.call<int(int, int)>("add", 20, 22)), 42);
}

// ---- memory

TEST(guest_memory_test, what_is_written_is_there_for_the_guest_and_back) {
  weft::test::run([] {
    instance i(arithmetic());
    guest_memory& m = i.memory();
    EXPECT_EQ(m.size(), 65'536U);
    m.write(100, "hello");
    EXPECT_EQ(i.call<int(int)>("peek", 104), 'o');
    i.call<void(int, int)>("poke", 100, 'j');
    EXPECT_EQ(m.text(100, 5), "jello");
    EXPECT_EQ(m.c_string(100), "jello");
    EXPECT_EQ(m.text(100, 0), "");
    m.store(200, 0x01020304);
    EXPECT_EQ(i.call<int(int)>("peek", 200), 4);
    EXPECT_EQ(m.load<std::uint16_t>(201), 0x0203);
    m.store(301, 2.5);
    EXPECT_EQ(m.load<double>(301), 2.5);
    EXPECT_EQ(m.bytes(102, 2), (std::vector<std::byte>{std::byte{'l'}, std::byte{'l'}}));
    std::array<std::byte, 3> copy{};
    m.read(102, copy);
    EXPECT_EQ(copy[2], std::byte{'o'});
  });
}

TEST(guest_memory_test, every_access_is_checked) {
  weft::test::run([] {
    instance i(arithmetic());
    guest_memory& m = i.memory();
    constexpr std::uint64_t end = 65'536;
    constexpr std::uint64_t far = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(m.text(end, 0), "");
    EXPECT_EQ(m.text(end - 1, 1).size(), 1U);
    EXPECT_THROW(static_cast<void>(m.text(end, 1)), std::out_of_range);
    EXPECT_THROW(static_cast<void>(m.text(end + 1, 0)), std::out_of_range);
    EXPECT_THROW(static_cast<void>(m.bytes(1, far)), std::out_of_range);
    EXPECT_THROW(static_cast<void>(m.bytes(far, 2)), std::out_of_range);
    EXPECT_THROW(static_cast<void>(m.load<std::uint64_t>(end - 7)), std::out_of_range);
    EXPECT_THROW(m.store(end - 3, 1), std::out_of_range);
    EXPECT_THROW(m.write(end - 2, "abc"), std::out_of_range);
    EXPECT_THROW(m.with(end - 2, 3, [](auto) {}), std::out_of_range);
    m.with(end - 100, 100, [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{1}); });
    EXPECT_THROW(static_cast<void>(m.c_string(end - 100)), std::out_of_range);
    EXPECT_THROW(static_cast<void>(m.c_string(end - 100, 10)), std::out_of_range);
    try {
      static_cast<void>(m.text(65'530, 10));
    } catch (const std::out_of_range& e) {
      EXPECT_STREQ(e.what(), "10 bytes at 65530 lie outside of the guest's memory of 65536 bytes");
    }
  });
}

TEST(guest_memory_test, it_is_followed_when_it_grows) {
  weft::test::run([] {
    instance i(arithmetic());
    guest_memory& m = i.memory();
    m.write(65'535, "x");
    EXPECT_EQ(i.call<int()>("grow"), 1);
    EXPECT_EQ(m.size(), 131'072U);
    EXPECT_EQ(m.text(65'535, 1), "x");
    m.write(131'071, "y");
    EXPECT_EQ(i.call<int(int)>("peek", 131'071), 'y');
  });
}

TEST(guest_memory_test, a_guest_does_not_run_while_its_memory_is_lent) {
  weft::test::run([] {
    instance i(arithmetic());
    const int sum = i.memory().with(0, 4, [&](std::span<std::byte> bytes) {
      EXPECT_THROW(i.call<int()>("next"), std::logic_error);
      return static_cast<int>(bytes.size());
    });
    EXPECT_EQ(sum, 4);
    EXPECT_EQ(i.call<int()>("next"), 1);
  });
}

TEST(guest_memory_test, without_memory_there_is_nothing_to_access) {
  weft::test::run([] {
    instance i(assemble_module(R"((module (func (export "f"))))"));
    EXPECT_EQ(i.memory().size(), 0U);
    EXPECT_THROW(static_cast<void>(i.memory().load<char>(0)), std::out_of_range);
  });
}

}  // namespace
}  // namespace weft::wasm::test
