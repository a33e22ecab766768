// Many guests at once over the workers.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

std::string sum_of_squares(std::uint32_t n) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 1; i <= n; ++i) {
    sum += std::uint64_t{i} * i;
    sum ^= sum << 7;
  }
  return std::to_string(sum) + "\n";
}

TEST(many_test, sixty_four_guests_that_compute_wait_and_write) {
  weft::test::run([] {
    const scratch_folder folder;
    write_file(folder / "shared", "shared by all");
    group g;
    std::atomic<int> right{0};
    for (std::uint32_t i = 0; i < 64; ++i) {
      g.spawn([&, i] {
        const std::string own = std::to_string(i);
        switch (i % 4) {
          case 0:
            right += run_tool({"compute", std::to_string(1'000'000 + i)}).output == sum_of_squares(1'000'000 + i);
            break;
          case 1:
            right += run_tool({"sleep", "5"}).output == "sleeping\nawake\n";
            break;
          case 2:
            right += run_tool_in(folder.path(), {"read", "/data/shared"}).output == "shared by all";
            break;
          default:
            run_tool_in(folder.path(), {"write", "/data/" + own, "by " + own});
            right += read_file(folder / own) == "by " + own;
            break;
        }
      });
    }
    g.join();
    EXPECT_EQ(right, 64);
  });
}

TEST(many_test, thousands_one_after_another) {
  weft::test::run([] {
    const wasm::module m =
        assemble_module(R"((module (memory (export "memory") 1) (func (export "one") (result i32) (i32.const 1))))");
    group g;
    std::atomic<std::int64_t> sum{0};
    for (int i = 0; i < 8; ++i) {
      g.spawn([&] {
        guest own(m);
        for (int n = 0; n < 1000; ++n) sum += own.call("one").value_or(0);
      });
    }
    g.join();
    EXPECT_EQ(sum, 8000);
  });
}

TEST(many_test, guests_leave_no_descriptors_behind) {
  weft::test::run([] {
    const scratch_folder folder;
    run_tool_in(folder.path(), {"list", "/data"});
    const std::size_t before = open_descriptors();
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([&, i] { run_tool_in(folder.path(), {"write", "/data/" + std::to_string(i), "x"}); });
    }
    g.join();
    EXPECT_EQ(open_descriptors(), before);
  });
}

}  // namespace
}  // namespace weft::wasm::test
