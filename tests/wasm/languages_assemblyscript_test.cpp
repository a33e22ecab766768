// Guests written in AssemblyScript.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

TEST(languages_assemblyscript_test, arguments_environment_and_output) {
  weft::test::run([] {
    const result r = run_guest(load("assembly_tool"), {.arguments = {"a", "b"}, .environment = {{"COLOUR", "green"}}});
    EXPECT_EQ(r.exit_code, 5) << r.output << r.error;
    EXPECT_EQ(r.output,
              "arguments: a b\nfibonacci: 2880067194370816120\ncolour: green\ntime goes on: yes\nrandom: yes\n");
    EXPECT_EQ(r.error, "to the error output\n");
  });
}

TEST(languages_assemblyscript_test, an_abort_is_told) {
  weft::test::run([] {
    const result r = run_guest(load("assembly_tool"), {.arguments = {"abort"}});
    EXPECT_NE(r.exit_code, 0);
    EXPECT_THAT(r.error, HasSubstr("on purpose"));
  });
}

}  // namespace
}  // namespace weft::wasm::test
