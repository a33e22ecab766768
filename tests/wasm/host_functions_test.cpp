// Functions of the embedder's that guests call.
#include "wasm_support.hpp"

#include <atomic>
#include <memory>
#include <sstream>
#include <tuple>
#include <utility>

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

// A module that exports each function that it imports, as `call_<name>`.
module forwarder(std::string_view name, std::string_view parameters, std::string_view results) {
  std::string arguments;
  std::istringstream words{std::string(parameters)};
  std::size_t n = 0;
  for (std::string word; words >> word; ++n) arguments += " (local.get " + std::to_string(n) + ")";
  const std::string type = (parameters.empty() ? "" : "(param " + std::string(parameters) + ")") +
                           (results.empty() ? "" : " (result " + std::string(results) + ")");
  return assemble_module("(module (import \"app\" \"" + std::string(name) + "\" (func $f " + type + "))" +
                             "(memory (export \"memory\") 1) (data (i32.const 16) \"some text\\00\")" +
                             "(func $inner " + type + " (call $f" + arguments + "))" + "(func (export \"call\") " +
                             type + " (call $inner" + arguments + ")))",
                         "forwarder.wasm");
}

enum class mode : bool { off, on };

template <class Add>
void expect_every_signature(Add add) {
  host_functions host;
  add(host, "sum", [](int a, std::int64_t b, float c, double d) { return a + static_cast<double>(b) + c + d; });
  EXPECT_EQ((instance(forwarder("sum", "i32 i64 f32 f64", "f64"), {.functions = host})
                 .call<double(int, std::int64_t, float, double)>("call", -1, std::int64_t{1} << 33, 0.5F, 0.25)),
            8589934591.75);
  add(host, "nothing", [] {});
  instance(forwarder("nothing", "", ""), {.functions = host}).call<void()>("call");
  add(host, "single", [](float x) noexcept { return x * 2; });
  EXPECT_EQ(instance(forwarder("single", "f32", "f32"), {.functions = host}).call<float(float)>("call", 1.5F), 3.0F);
  add(host, "flip", [](mode m) { return m == mode::on ? mode::off : mode::on; });
  EXPECT_EQ(instance(forwarder("flip", "i32", "i32"), {.functions = host}).call<bool(bool)>("call", true), false);
  add(host, "small", [](std::int8_t a, std::uint16_t b) { return static_cast<std::int8_t>(a - b); });
  EXPECT_EQ((instance(forwarder("small", "i32 i32", "i32"), {.functions = host}).call<int(int, int)>("call", -1, 3)),
            -4);
  add(host, "several", [](int a, std::int64_t b) { return std::tuple(b, 2.5, a, 1.25F); });
  EXPECT_EQ((instance(forwarder("several", "i32 i64", "i64 f64 i32 f32"), {.functions = host})
                 .call<std::tuple<std::int64_t, double, int, float>(int, std::int64_t)>("call", 7, std::int64_t{8})),
            std::tuple(std::int64_t{8}, 2.5, 7, 1.25F));
  add(host, "text", [](caller& from, std::uint32_t at, std::uint32_t length) {
    EXPECT_EQ(from.guest_name(), "forwarder.wasm");
    EXPECT_EQ(from.memory().text(at, length), "some");
    EXPECT_EQ(from.memory().c_string(at), "some text");
    from.memory().write(at, "SOME");
    return from.memory().size();
  });
  instance talker(forwarder("text", "i32 i32", "i64"), {.functions = host});
  EXPECT_EQ((talker.call<std::uint64_t(int, int)>("call", 16, 4)), 65'536U);
  EXPECT_EQ(talker.memory().c_string(16), "SOME text");
}

TEST(host_functions_test, numbers_of_every_type_go_out_and_come_back) {
  weft::test::run([] {
    expect_every_signature([](host_functions& host, const char* name, auto f) { host.add("app", name, f); });
    expect_every_signature([](host_functions& host, const char* name, auto f) { host.add_immediate("app", name, f); });
  });
}

TEST(host_functions_test, plain_functions_do_as_well) {
  weft::test::run([] {
    host_functions host;
    host.add("app", "negate", static_cast<int (*)(int)>([](int x) { return -x; }));
    EXPECT_EQ(instance(forwarder("negate", "i32", "i32"), {.functions = host}).call<int(int)>("call", 5), -5);
    EXPECT_EQ(guest(forwarder("negate", "i32", "i32"), {.functions = host}).call<int(int)>("call", 6), -6);
    EXPECT_EQ(guest(forwarder("negate", "i32", "i32"), {.functions = host}).call("call", {7}), -7);
  });
}

// On one worker nothing else would run if the host function kept it.
TEST(host_functions_test, they_wait_like_any_blocking_code) {
  weft::test::run([] {
    auto [questions, asked] = make_channel<int>(0);
    auto [answers, answered] = make_channel<int>(0);
    host_functions host;
    host.add("app", "ask", [questions = questions, answered = answered](int question) {
      EXPECT_TRUE(questions.send(question));
      return answered.receive().value_or(-1);
    });
    const module m = forwarder("ask", "i32", "i32");
    group g;
    g.spawn_daemon([&, asked = std::move(asked), answers = std::move(answers)] {
      for (const int question : asked) EXPECT_TRUE(answers.send(question * 2));
    });
    for (int i = 0; i < 10; ++i) {
      instance asking(m, {.functions = host});
      for (int n = 0; n < 100; ++n) EXPECT_EQ(asking.call<int(int)>("call", n), 2 * n);
      EXPECT_EQ(asking.statistics().waits, 100U);
    }
    g.join();
  });
}

TEST(host_functions_test, many_guests_wait_at_once) {
  weft::test::run([] {
    latch all(50);
    host_functions host;
    host.add("app", "meet", [&](int n) {
      all.count_down();
      all.wait();
      return n + 1;
    });
    const module m = forwarder("meet", "i32", "i32");
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([&, i] { EXPECT_EQ(guest(m, {.functions = host}).call<int(int)>("call", i), i + 1); });
    }
    g.join();
  });
}

template <class Add>
void expect_a_trap(Add add) {
  host_functions host;
  add(host, "fail", [](int code) -> int { throw std::system_error(code, std::generic_category(), "no paper"); });
  instance i(forwarder("fail", "i32", "i32"), {.functions = host});
  try {
    static_cast<void>(i.call<int(int)>("call", ENOSPC));
    FAIL() << "returned";
  } catch (const trap& t) {
    EXPECT_EQ(t.code(), trap_code::host_function);
    EXPECT_THAT(t.reason(), HasSubstr("host function app.fail failed: no paper: No space left on device"));
    EXPECT_THAT(t.what(), HasSubstr("guest 'forwarder.wasm' trapped: host function app.fail"));
    EXPECT_GE(t.frames().size(), 2U);
    EXPECT_THROW(std::rethrow_exception(t.cause()), std::system_error);
  }
  EXPECT_FALSE(i.usable());
}

TEST(host_functions_test, what_they_throw_is_a_trap_with_the_message_and_the_guests_frames) {
  weft::test::run([] {
    expect_a_trap([](host_functions& host, const char* name, auto f) { host.add("app", name, f); });
    expect_a_trap([](host_functions& host, const char* name, auto f) { host.add_immediate("app", name, f); });
  });
}

TEST(host_functions_test, a_bad_pointer_of_the_guests_is_a_trap) {
  weft::test::run([] {
    host_functions host;
    host.add_immediate("app", "text", [](caller& from, std::uint32_t at, std::uint32_t length) {
      static_cast<void>(from.memory().text(at, length));
    });
    instance i(forwarder("text", "i32 i32", ""), {.functions = host});
    try {
      i.call<void(int, int)>("call", 65'530, 7);
      FAIL() << "returned";
    } catch (const trap& t) {
      EXPECT_THAT(t.reason(), HasSubstr("7 bytes at 65530 lie outside"));
    }
  });
}

TEST(host_functions_test, what_is_no_exception_of_the_standard_passes_through) {
  weft::test::run([] {
    struct odd {
      int value;
    };
    host_functions host;
    host.add("app", "one", [] { throw odd{1}; });
    host.add_immediate("app", "two", [] { throw odd{2}; });
    const auto thrown = [&](const char* name) {
      try {
        guest(forwarder(name, "", ""), {.functions = host}).call<void()>("call");
      } catch (const odd& o) {
        return o.value;
      }
      return 0;
    };
    EXPECT_EQ(thrown("one"), 1);
    EXPECT_EQ(thrown("two"), 2);
  });
}

TEST(host_functions_test, cancellation_reaches_a_host_function_that_waits) {
  weft::test::run([] {
    event entered;
    event never;
    bool was_cancelled = false;
    host_functions host;
    host.add("app", "wait", [&] {
      entered.set();
      try {
        never.wait();
      } catch (const cancelled&) {
        was_cancelled = true;
        throw;
      }
    });
    group g;
    const task<void> t = g.spawn([&] { guest(forwarder("wait", "", ""), {.functions = host}).call<void()>("call"); });
    entered.wait();
    g.cancel();
    EXPECT_NO_THROW(try { g.join(); } catch (const cancelled&){});
    EXPECT_TRUE(was_cancelled);
  });
}

TEST(host_functions_test, one_that_was_to_answer_at_once_cannot_wait) {
  weft::test::run([] {
    event never;
    host_functions host;
    host.add_immediate("app", "wait", [&] { never.wait(); });
    host.add_immediate("app", "sleep", [] { sleep_for(std::chrono::hours(1)); });
    for (const char* name : {"wait", "sleep"}) {
      try {
        guest(forwarder(name, "", ""), {.functions = host}).call<void()>("call");
        FAIL() << "returned";
      } catch (const trap& t) {
        EXPECT_THAT(t.reason(), HasSubstr(std::string("host function app.") + name + " failed"));
        EXPECT_THAT(t.reason(), HasSubstr("must not wait here"));
      }
    }
    weft::yield();  // the fiber may wait again
    sleep_for(std::chrono::microseconds(1));
  });
}

TEST(host_functions_test, values_that_follow_the_work_are_those_of_the_caller) {
  static local<int> tenant;
  weft::test::run([] {
    host_functions host;
    host.add("app", "parked", [] { return *tenant; });
    host.add_immediate("app", "direct", [] { return *tenant + 1; });
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn([&, i] {
        const local<int>::binding mine(tenant, i);
        EXPECT_EQ(guest(forwarder("parked", "", "i32"), {.functions = host}).call<int()>("call"), i);
        EXPECT_EQ(guest(forwarder("direct", "", "i32"), {.functions = host}).call<int()>("call"), i + 1);
      });
    }
    g.join();
  });
}

// A module in between calls the host's functions as well, and comes before those of its name.
TEST(host_functions_test, they_are_there_for_what_is_preloaded) {
  weft::test::run([] {
    const wasm::module doubler = assemble_module(R"((module
      (import "app" "one" (func $one (result i32)))
      (func (export "two") (result i32) (i32.mul (call $one) (i32.const 2)))
      (func (export "three") (result i32) (i32.const 3))))",
                                                 "doubler.wasm");
    const wasm::module user = assemble_module(R"((module
      (import "app" "one" (func $one (result i32)))
      (import "lib" "two" (func $two (result i32)))
      (import "lib" "three" (func $three (result i32)))
      (func (export "all") (result i32)
        (i32.add (i32.mul (call $one) (i32.const 100)) (i32.add (i32.mul (call $two) (i32.const 10)) (call $three))))))",
                                              "user.wasm");
    host_functions host;
    host.add("app", "one", [] {
      sleep_for(std::chrono::microseconds(1));
      return 1;
    });
    host.add_immediate("lib", "three", [] { return 9; });
    guest_options options{.preloads = {{"lib", doubler}}, .functions = host};
    EXPECT_EQ(guest(user, options).call<int()>("all"), 123);
    instance kept(user, options);
    EXPECT_EQ(kept.call<int()>("all"), 123);
    EXPECT_EQ(kept.call<int()>("all"), 123);

    host_functions other;
    other.add("app", "one", [](int x) { return x; });
    options.functions = other;
    try {
      guest g(user, options);
      FAIL() << "made";
    } catch (const module_error& e) {
      EXPECT_EQ(e.fault(), module_fault::wrong_signature);
      EXPECT_THAT(e.what(), HasSubstr("'doubler.wasm' imports app.one"));
    }
    EXPECT_THROW(guest(user, {.preloads = {{"lib", doubler}}}), module_error);
  });
}

TEST(host_functions_test, a_guest_that_wants_another_type_is_told_both) {
  weft::test::run([] {
    host_functions host;
    host.add("app", "f", [](int x) { return x; });
    try {
      guest g(forwarder("f", "i64", "f32"), {.functions = host});
      FAIL() << "made";
    } catch (const module_error& e) {
      EXPECT_EQ(e.fault(), module_fault::wrong_signature);
      EXPECT_THAT(e.what(), HasSubstr("imports app.f as (i64) -> f32, and the host's function is (i32) -> i32"));
    }
  });
}

TEST(host_functions_test, what_is_missing_is_named) {
  weft::test::run([] {
    host_functions host;
    host.add("app", "f", [] {});
    try {
      guest g(forwarder("g", "", ""), {.functions = host});
      FAIL() << "made";
    } catch (const module_error& e) {
      EXPECT_EQ(e.fault(), module_fault::missing_import);
      EXPECT_THAT(e.what(), HasSubstr("imports app.g"));
    }
    EXPECT_THROW(guest(forwarder("f", "", "")), module_error);
  });
}

TEST(host_functions_test, a_list_grows_without_changing_its_copies) {
  weft::test::run([] {
    host_functions one;
    EXPECT_TRUE(one.empty());
    one.add("app", "f", [] { return 1; });
    host_functions two = one;
    two.add("app", "f", [] { return 2; });
    const module m = forwarder("f", "", "i32");
    EXPECT_EQ(guest(m, {.functions = one}).call<int()>("call"), 1);
    EXPECT_EQ(guest(m, {.functions = two}).call<int()>("call"), 2);
    EXPECT_THROW(one.add("wasi_snapshot_preview1", "fd_write", [] {}), std::invalid_argument);
    EXPECT_THROW(one.add("weft", "sleep", [] {}), std::invalid_argument);
  });
}

// The pool of the shared engine is larger than this; an engine of one guest makes the second without the pool.
TEST(host_functions_test, guests_outside_of_the_pool_have_them_too) {
  weft::test::run([] {
    engine small({.pool_size = 1, .cache_directory = std::filesystem::path()});
    if (small.memory() != allocation::pool) return;
    event both_are_there;
    std::atomic<int> there{0};
    host_functions host;
    host.add("app", "f", [&] {
      if (++there == 2) both_are_there.set();
      both_are_there.wait();
    });
    const module m = small.compile(assemble(R"((module (import "app" "f" (func $f)) (memory 1)
                                               (func (export "call") (call $f))))"),
                                   "two.wasm");
    group g;
    for (int i = 0; i < 2; ++i) g.spawn([&] { guest(m, {.functions = host}).call<void()>("call"); });
    g.join();
    EXPECT_EQ(small.statistics().guests_on_demand, 1U);
  });
}

TEST(host_functions_test, a_memory_that_grows_is_seen_as_it_is_now) {
  weft::test::run([] {
    const module m = assemble_module(R"((module
      (import "app" "at_once" (func $at_once (param i32) (result i32)))
      (import "app" "waiting" (func $waiting (param i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "at_once") (param i32) (result i32) (call $at_once (local.get 0)))
      (func (export "waiting") (param i32) (result i32) (call $waiting (local.get 0)))
      (func (export "both") (param i32) (result i32)
        (drop (call $at_once (i32.const 0)))
        (drop (memory.grow (i32.const 1)))
        (i32.store8 (local.get 0) (i32.const 7))
        (i32.add (call $at_once (local.get 0)) (call $waiting (local.get 0))))))");
    const auto byte_at = [](caller& from, std::uint32_t at) { return from.memory().load<std::uint8_t>(at) + 0; };
    host_functions host;
    host.add_immediate("app", "at_once", byte_at);
    host.add("app", "waiting", byte_at);
    instance grows_itself(m, {.functions = host});
    constexpr int page = 65'536;
    for (const char* function : {"at_once", "waiting"}) {
      instance fresh(m, {.functions = host});
      EXPECT_EQ(fresh.call<int(int)>(function, page - 1), 0);
      EXPECT_EQ(fresh.call<int(int)>("grow", 2), 1);
      EXPECT_EQ(fresh.call<int(int)>(function, 3 * page - 1), 0);
      EXPECT_THROW(fresh.call<int(int)>(function, 3 * page), trap);
    }
    EXPECT_EQ(grows_itself.call<int(int)>("both", 2 * page - 1), 14);
    EXPECT_EQ(grows_itself.call<int(int)>("both", 3 * page - 1), 14);
  });
}

TEST(host_functions_test, they_go_with_the_last_guest_and_list_that_have_them) {
  weft::test::run([] {
    auto resource = std::make_shared<int>(5);
    const std::weak_ptr<int> alive = resource;
    const module m = forwarder("f", "", "i32");
    {
      host_functions host;
      host.add("app", "f", [resource = std::move(resource)] { return *resource; });
      EXPECT_EQ(guest(m, {.functions = host}).call<int()>("call"), 5);
      guest last(m, {.functions = std::exchange(host, {})});
      EXPECT_EQ(last.call<int()>("call"), 5);
    }
    EXPECT_TRUE(alive.expired());
    EXPECT_THROW(guest{m}, module_error);
  });
}

TEST(host_functions_test, code_goes_though_what_it_was_bound_to_stays) {
  weft::test::run([] {
    engine own({.cache_directory = std::filesystem::path()});
    const std::vector<std::byte> bytes =
        assemble(R"((module (import "app" "f" (func $f (result i32))) (func (export "call") (result i32) (call $f))))");
    host_functions host;
    host.add_immediate("app", "f", [] { return 3; });
    for (unsigned times = 1; times <= 3; ++times) {
      const module m = own.compile(bytes, "code.wasm");
      EXPECT_EQ(own.statistics().modules_compiled, times);
      EXPECT_EQ(guest(m, {.functions = host}).call<int()>("call"), 3);
      EXPECT_EQ(guest(m, {.functions = host}).call<int()>("call"), 3);
    }
  });
}

TEST(host_functions_test, a_guest_of_a_group_fails_it_with_its_backtrace) {
  weft::test::run([] {
    host_functions host;
    host.add("app", "f", [](int i) {
      if (i == 3) throw std::runtime_error("the third");
      sleep_for(std::chrono::hours(1));
    });
    const module m = forwarder("f", "i32", "");
    try {
      group g;
      for (int i = 0; i < 8; ++i) g.spawn([&, i] { guest(m, {.functions = host}).call<void(int)>("call", i); });
      g.join();
      FAIL() << "joined";
    } catch (const group_error& e) {
      EXPECT_EQ(e.failures().size(), 1U);
      const trap* t = e.find<trap>();
      ASSERT_NE(t, nullptr);
      EXPECT_THAT(t->reason(), HasSubstr("the third"));
      EXPECT_THAT(e.what(), HasSubstr("guest 'forwarder.wasm' trapped"));
    }
  });
}

}  // namespace
}  // namespace weft::wasm::test
