// A guest written in C++.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

TEST(languages_cpp_test, streams_containers_and_files) {
  weft::test::run([] {
    const scratch_folder folder;
    const result r =
        run_guest(load("cpp_tool"), {.directories = {{folder.path(), "/data"}}, .input = stdio::text("a b a c a b")});
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(r.output, "a 3\nb 2\nc 1\n");
    EXPECT_EQ(read_file(folder / "counts"), "3\n2\n1\n");
  });
}

}  // namespace
}  // namespace weft::wasm::test
