// What is no module, or a damaged one: an error each, never a crash.
#include "wasm_support.hpp"

#include <unistd.h>

#include <algorithm>

namespace weft::wasm::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Compiling must fail so, in one line that names the module.
std::string message_of(std::span<const std::byte> bytes, module_fault fault) {
  try {
    static_cast<void>(shared_engine().compile(bytes, "given.wasm"));
  } catch (const module_error& e) {
    EXPECT_EQ(e.fault(), fault) << e.what();
    EXPECT_THAT(e.what(), HasSubstr("'given.wasm'"));
    EXPECT_THAT(e.what(), Not(HasSubstr("\n")));
    return e.what();
  }
  ADD_FAILURE() << "compiled";
  return {};
}

TEST(bad_modules_test, what_is_something_else_is_said_so) {
  weft::test::run([] {
    EXPECT_THAT(message_of({}, module_fault::not_wasm), HasSubstr("empty"));
    EXPECT_THAT(message_of(bytes_of("#!/bin/sh\n"), module_fault::not_wasm), HasSubstr("23 21"));
    EXPECT_THAT(message_of(bytes_of("(module)"), module_fault::text), HasSubstr("text"));
    EXPECT_THAT(message_of(bytes_of("  ;; comment\n(module)"), module_fault::text), HasSubstr("text"));
    EXPECT_THAT(message_of(bytes_of("\x7f"
                                    "ELF and so on"),
                           module_fault::native_code),
                HasSubstr("native code"));
    const std::string_view component("\0asm\x0d\0\1\0", 8);
    EXPECT_THAT(message_of(bytes_of(component), module_fault::component), HasSubstr("component"));
    EXPECT_THAT(message_of(bytes_of(std::string_view("\0asm", 4)), module_fault::invalid), HasSubstr("header"));
    EXPECT_THAT(message_of(bytes_of(std::string_view("\0asm\x09\0\0\0", 8)), module_fault::invalid),
                HasSubstr("version"));
  });
}

TEST(bad_modules_test, an_invalid_module_is_refused_with_reason_and_offset) {
  weft::test::run([] {
    const std::vector<std::byte> bytes = assemble(R"((module (func (result i32) (i64.const 1))))");
    EXPECT_THAT(message_of(bytes, module_fault::invalid), HasSubstr("offset"));
  });
}

// The first two were found by random modules: what Winch makes of several values may write over the frame it returns through.
TEST(bad_modules_test, what_winch_does_not_take_is_refused_with_what_to_do) {
  weft::test::run([] {
    engine one_pass({.cache_directory = std::filesystem::path(), .code = compiler::winch});
    for (const char* text : {"(module (func (result i32 i64) (i32.const 1) (i64.const 2)))",
                             "(module (func (i32.const 1) (block (param i32) (drop))))",
                             "(module (func (return_call 0)))", "(module (type (struct)))"}) {
      const std::vector<std::byte> bytes = assemble(text);
      EXPECT_NO_THROW(static_cast<void>(shared_engine().compile(bytes, "given.wasm")));
      try {
        static_cast<void>(one_pass.compile(bytes, "given.wasm"));
        ADD_FAILURE() << "compiled: " << text;
      } catch (const module_error& e) {
        EXPECT_EQ(e.fault(), module_fault::invalid);
        EXPECT_THAT(e.what(), HasSubstr("cranelift"));
      }
    }
  });
}

TEST(bad_modules_test, files_that_cannot_be_read) {
  weft::test::run([] {
    try {
      static_cast<void>(shared_engine().load("/no/such/module.wasm"));
      FAIL() << "loaded";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
      EXPECT_THAT(e.what(), HasSubstr("'/no/such/module.wasm'"));
    }
    EXPECT_THROW(static_cast<void>(shared_engine().load("/")), std::system_error);
  });
}

TEST(bad_modules_test, a_missing_import_is_named_with_what_to_do) {
  weft::test::run([] {
    const auto message_for = [](const char* text) -> std::string {
      const wasm::module m = assemble_module(text, "needy.wasm");
      EXPECT_FALSE(m.missing_imports().empty());
      try {
        guest g(m);
      } catch (const module_error& e) {
        EXPECT_EQ(e.fault(), module_fault::missing_import);
        return e.what();
      }
      return {};
    };
    EXPECT_THAT(message_for(R"((module (import "env" "emscripten_memcpy" (func))))"),
                HasSubstr("env.emscripten_memcpy"));
    EXPECT_THAT(message_for(R"((module (import "wasi_unstable" "fd_write" (func))))"), HasSubstr("first draft"));
    EXPECT_THAT(message_for(R"((module (import "wasi_snapshot_preview1" "fd_fly" (func))))"),
                HasSubstr("wasi_snapshot_preview1.fd_fly"));
    EXPECT_THAT(message_for(R"((module (import "wasi_snapshot_preview1" "fd_close" (func (param i64)))
                              (import "x" "y" (func))))"),
                HasSubstr("x.y"));
  });
}

TEST(bad_modules_test, an_import_of_the_wrong_type_is_refused) {
  weft::test::run([] {
    const wasm::module m =
        assemble_module(R"((module (import "wasi_snapshot_preview1" "fd_close" (func (param i64)))))");
    EXPECT_THROW(guest{m}, module_error);
  });
}

TEST(bad_modules_test, every_truncation_of_a_module_is_refused) {
  weft::test::run([] {
    const std::vector<std::byte> whole = read_bytes(guest_file("small"));
    ASSERT_GT(whole.size(), 1000U);
    weft::test::random_source random;
    for (int i = 0; i < 200; ++i) {
      const std::size_t length = random.below(static_cast<std::uint32_t>(whole.size()));
      try {
        // A cut between sections can leave a module that is valid but lacks what it needs.
        guest g(shared_engine().compile(std::span(whole).first(length), "cut.wasm"));
        EXPECT_THROW(g.run(), module_error) << "cut to " << length;
      } catch (const module_error& e) {
        EXPECT_THAT(e.what(), Not(HasSubstr("\n")));
      }
    }
  });
}

// Half of them lose or gain bytes; the others have a few bits changed where they are, so that more of them stay valid
// and are run.
std::vector<std::byte> damaged(const std::vector<std::byte>& original, weft::test::random_source& random) {
  std::vector<std::byte> bytes = original;
  const bool in_place = random.one_in(2);
  const std::uint32_t changes = 1 + random.below(in_place ? 2 : 8);
  for (std::uint32_t i = 0; i < changes; ++i) {
    const std::size_t at = random.below(static_cast<std::uint32_t>(bytes.size()));
    const auto position = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    if (in_place) {
      bytes[at] ^= static_cast<std::byte>(1U << random.below(8));
    } else if (random.one_in(2)) {
      bytes.insert(position, static_cast<std::byte>(random.below(256)));
    } else {
      bytes.erase(position);
    }
  }
  return bytes;
}

enum class end { refused, trapped, timed_out, exited };

end run_damaged(engine& e, std::span<const std::byte> bytes) {
  try {
    std::string output;
    guest g(e.compile(bytes, "damaged.wasm"), {.output = stdio::capture(output), .limits = {.memory = 16_MiB}});
    with_deadline(20ms, [&] { g.run(); });
    return end::exited;
  } catch (const module_error&) {
    return end::refused;
  } catch (const trap&) {
    return end::trapped;
  } catch (const timeout_error&) {
    return end::timed_out;
  }
}

TEST(bad_modules_test, a_thousand_damaged_modules) {
  weft::test::run([] {
    engine e{{.cache_directory = ""}};
    const std::vector<std::byte> original = read_bytes(guest_file("small"));
    weft::test::random_source random;
    std::array<int, 4> ends{};
    constexpr int modules = weft::test::rounds(1000);
    for (int i = 0; i < modules; ++i) {
      const std::vector<std::byte> bytes = damaged(original, random);
      ++ends.at(static_cast<std::size_t>(run_damaged(e, bytes)));
    }
    std::printf("refused %d, trapped %d, timed out %d, exited %d\n", ends[0], ends[1], ends[2], ends[3]);
    EXPECT_EQ(ends[0] + ends[1] + ends[2] + ends[3], modules);
    EXPECT_GT(ends[0], 0);
    // The host is unharmed.
    EXPECT_EQ(run_tool({"exit", "6"}).exit_code, 6);
  });
}

}  // namespace
}  // namespace weft::wasm::test
