// Parents in several languages that end their children by weft's package for the language. exchange_test.cpp has the one in C.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

class languages_children_test : public testing::TestWithParam<const char*> {};

// Compiled in one pass: what Go brings along takes many times as long to optimize as these tests to run.
module load_quickly(std::string_view name) {
  static engine quick({.cache_directory = std::filesystem::path(), .code = compiler::winch});
  return quick.load(guest_file(name));
}

TEST_P(languages_children_test, a_guest_ends_its_children_and_goes_on) {
  weft::test::run([] {
    const result r = run_guest(load_quickly(GetParam()),
                               {.children = {{.name = "stage", .program = load_quickly("talker"), .most = 4}}});
    // In Rust nobody can name a child that is closed.
    const std::string closed = std::string(GetParam()) == "parent_rust" ? "" : "closed: 8\n";
    EXPECT_EQ(r.output,
              "sleep: 0 cancelled and cancelled\nspin: 0 cancelled and cancelled\nexit: exit code 7 and exit code 7\n" +
                  closed);
    EXPECT_EQ(r.error, "");
    EXPECT_EQ(r.exit_code, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(in, languages_children_test, testing::Values(WEFT_PARENT_GUESTS),
                         [](const auto& guest) { return std::string(guest.param); });

}  // namespace
}  // namespace weft::wasm::test
