// WASI preview 1, function by function; the checks are in the guest (guests/wasi_calls*.c).
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

class wasi_calls_test : public testing::TestWithParam<const char*> {};

TEST_P(wasi_calls_test, answers_as_specified) {
  weft::test::run([] {
    const scratch_folder folder;
    const result r =
        run_guest(load("wasi_calls"),
                  {.arguments = {GetParam()}, .directories = {{folder.path(), "/"}}, .input = stdio::text("")});
    EXPECT_EQ(r.exit_code, 0) << r.output;
    EXPECT_EQ(r.output, "");
  });
}

INSTANTIATE_TEST_SUITE_P(groups, wasi_calls_test,
                         testing::Values("descriptors", "files", "directories", "links", "paths", "rights", "clocks",
                                         "polling", "pointers"),
                         [](const auto& group) { return std::string(group.param); });

}  // namespace
}  // namespace weft::wasm::test
