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

// Copies share what was prepared, and are guests of their own otherwise.
TEST(many_test, copies_of_a_guest) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
        (import "host" "one_more" (func $one_more (param i32) (result i32)))
        (memory (export "memory") 1 100)
        (func (export "grown") (param $pages i32) (result i32)
          (drop (memory.grow (local.get $pages)))
          (call $one_more (memory.size)))))");
    host_functions host;
    host.add("host", "one_more", [](std::int32_t number) {
      yield();
      return number + 1;
    });
    std::optional<guest> first(std::in_place, m, guest_options{.functions = host});
    std::vector<guest> guests(20, *first);
    EXPECT_EQ(first->call("grown", {40}), 42);
    first.reset();
    group g;
    for (std::size_t i = 0; i < guests.size(); ++i) {
      g.spawn([&guests, i] {
        const auto pages = static_cast<std::int64_t>(i);
        EXPECT_EQ(guests[i].call("grown", {pages}), pages + 2);
      });
    }
    g.join();
    for (std::size_t i = 0; i < guests.size(); ++i) {
      EXPECT_EQ(guests[i].statistics().peak_memory, (i + 1) * 65'536);
      EXPECT_EQ(guests[i].statistics().waits, 1U);
    }
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
  weft::run(weft::test::options_without_spares(), [] {
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
