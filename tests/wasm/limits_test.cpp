// Guests that take more than they may: each ends with a trap that names the limit and how to raise it, and leaves
// nothing.
#include "wasm_support.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace weft::wasm::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

// The trap of the guest `limits` told to take such a thing.
std::optional<trap> trap_when(std::vector<std::string> arguments, const guest_limits& limits,
                              const std::filesystem::path& folder = {}) {
  guest_options options{.arguments = std::move(arguments), .output = stdio::null(), .limits = limits};
  if (!folder.empty()) options.directories = {{folder, "/data"}};
  return trap_of(load("limits"), std::move(options));
}

void expect_limit(const std::optional<trap>& t, trap_code code, const char* limit, const char* option,
                  const char* flag) {
  ASSERT_TRUE(t.has_value());
  EXPECT_EQ(t->code(), code);
  EXPECT_TRUE(is_limit(t->code()));
  EXPECT_THAT(t->reason(), AllOf(HasSubstr(limit), HasSubstr(option), HasSubstr(flag)));
  EXPECT_FALSE(t->frames().empty()) << t->what();
}

TEST(limits_test, memory) {
  weft::test::run([] {
    expect_limit(trap_when({"grow"}, {.memory = 8_MiB}), trap_code::memory_limit, "8 MiB", "limits.memory", "--memory");
  });
}

TEST(limits_test, table_elements_of_all_tables_together) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (table $a 10 funcref) (table $b 10 funcref)
      (func (export "grow") (param i32) (result i32)
        (drop (table.grow $a (ref.null func) (local.get 0)))
        (table.grow $b (ref.null func) (local.get 0)))))");
    guest g(m, {.limits = {.table_elements = 1000}});
    EXPECT_EQ(g.call("grow", {400}), 10);
    try {
      g.call("grow", {491});
      ADD_FAILURE() << "the limit did not hold";
    } catch (const trap& t) {
      expect_limit(t, trap_code::table_limit, "1000", "limits.table_elements", "--max-table-elements");
    }
    EXPECT_EQ(g.call("grow", {490}), 10);
    EXPECT_THROW(guest(m, {.limits = {.table_elements = 19}}).call("grow", {0}), trap);
  });
}

TEST(limits_test, descriptors) {
  weft::test::run([] {
    const scratch_folder folder;
    write_file(folder / "file", "x");
    expect_limit(trap_when({"open", "/data/file"}, {.descriptors = 10}, folder.path()), trap_code::descriptor_limit,
                 "10", "limits.descriptors", "--max-descriptors");
    // Three streams and the directory are four already; one that is closed does not count.
    const guest_limits five{.descriptors = 5};
    EXPECT_EQ(run_guest(load("limits"), {.arguments = {"open-close", "/data/file"},
                                         .directories = {{folder.path(), "/data"}},
                                         .limits = five})
                  .exit_code,
              0);
  });
}

TEST(limits_test, output_to_streams_and_files) {
  weft::test::run([] {
    const scratch_folder folder;
    std::string output;
    guest g(load("limits"), {.arguments = {"write"}, .output = stdio::capture(output), .limits = {.output = 10'500}});
    try {
      g.run();
      ADD_FAILURE() << "the limit did not hold";
    } catch (const trap& t) {
      expect_limit(t, trap_code::output_limit, "10.25 KiB", "limits.output", "--max-output");
    }
    EXPECT_EQ(output.size(), 10'000U);
    EXPECT_EQ(g.statistics().bytes_written, 10'000U);
    expect_limit(trap_when({"write-file", "/data/new"}, {.output = 4000}, folder.path()), trap_code::output_limit,
                 "3.906 KiB", "limits.output", "--max-output");
    EXPECT_EQ(std::filesystem::file_size(folder / "new"), 4000U);
  });
}

TEST(limits_test, cpu_time_of_a_guest_that_computes) {
  weft::test::run([] {
    expect_limit(trap_when({"compute"}, {.cpu_time = 20ms}), trap_code::cpu_limit, "0.02 s", "limits.cpu_time",
                 "--cpu-time");
    expect_limit(trap_when({"sleep-compute"}, {.cpu_time = 5ms}), trap_code::cpu_limit, "0.005 s", "limits.cpu_time",
                 "--cpu-time");
  });
}

TEST(limits_test, cpu_time_does_not_count_waits) {
  weft::test::run([] {
    guest g(load("limits"), {.arguments = {"sleep", "150"}, .limits = {.cpu_time = 50ms}});
    EXPECT_EQ(g.run(), 0);
    EXPECT_GT(g.statistics().cpu_time.count(), 0);
    EXPECT_LT(g.statistics().cpu_time, 50ms);
  });
}

TEST(limits_test, room_reserved_in_files_counts_as_output) {
  weft::test::run([] {
    const scratch_folder folder;
    const auto reserve = [&](const char* bytes, std::uint64_t limit) {
      return trap_when({"allocate", "/data/file", bytes}, {.output = limit}, folder.path());
    };
    expect_limit(reserve("4097", 4096), trap_code::output_limit, "4 KiB", "limits.output", "--max-output");
    expect_limit(reserve("1099511627776", 4096), trap_code::output_limit, "4 KiB", "limits.output", "--max-output");
    EXPECT_EQ(std::filesystem::file_size(folder / "file"), 0U);
    // The guest reserves twice, which is too much together.
    expect_limit(reserve("4096", 8000), trap_code::output_limit, "7.812 KiB", "limits.output", "--max-output");
    EXPECT_EQ(std::filesystem::file_size(folder / "file"), 4096U);
    EXPECT_EQ(run_guest(load("limits"), {.arguments = {"allocate", "/data/file", "4096"},
                                         .directories = {{folder.path(), "/data"}},
                                         .limits = {.output = 8192}})
                  .exit_code,
              0);
  });
}

// The pause between the calls is longer than the limit.
TEST(limits_test, wall_time_of_an_instance_passes_in_its_calls_only) {
  weft::test::run([] {
    instance i(assemble_module(R"((module
      (import "weft" "sleep" (func $sleep (param i64) (result i32)))
      (func (export "sleep") (param i64) (result i32) (call $sleep (local.get 0)))))"),
               {.limits = {.wall_time = 500ms}});
    const auto nap = i.function<int(std::int64_t)>("sleep");
    EXPECT_EQ(nap(1), 0);
    weft::sleep_for(550ms);
    EXPECT_EQ(nap(1), 0);
    EXPECT_THROW(nap(3'600'000'000'000), trap);
  });
}

TEST(limits_test, wall_time_of_guests_that_compute_or_wait) {
  weft::test::run([] {
    for (const char* what : {"compute", "sleep"}) {
      expect_limit(trap_when({what, "3600000"}, {.wall_time = 20ms}), trap_code::time_limit, "0.02 s",
                   "limits.wall_time", "--wall-time");
    }
  });
}

// The nearer of the two ends the guest, as what it is.
TEST(limits_test, a_deadline_outside_is_not_the_guests_own_limit) {
  weft::test::run([] {
    const auto run_until = [](std::chrono::nanoseconds outside, std::chrono::nanoseconds own) {
      with_deadline(outside, [&] {
        guest(load("limits"), {.arguments = {"sleep", "3600000"}, .limits = {.wall_time = own}}).run();
      });
    };
    EXPECT_THROW(run_until(20ms, 1h), timeout_error);
    EXPECT_THROW(run_until(1h, 20ms), trap);
  });
}

TEST(limits_test, stack_depth_is_the_engines) {
  weft::test::run([] {
    const std::optional<trap> t = trap_of(
        assemble_module(R"((module (func $down (export "_start") (call $down) (call $nothing)) (func $nothing)))"), {});
    ASSERT_TRUE(t.has_value());
    EXPECT_EQ(t->code(), trap_code::stack_exhausted);
    EXPECT_THAT(t->reason(), AllOf(HasSubstr("call stack exhausted"), HasSubstr("stack_size"), HasSubstr("--stack")));

    const auto depth_with = [](std::uint64_t size) {
      engine e{{.memory = allocation::on_demand, .cache_directory = std::filesystem::path(), .stack_size = size}};
      const wasm::module m = e.compile(assemble(R"((module (global $depth (mut i32) (i32.const 0))
        (func $down (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
          (br_if 0 (i32.ge_u (global.get $depth) (i32.const 20000))) (call $down) (call $nothing))
        (func $nothing)
        (func (export "go") (result i32) (call $down) (global.get $depth))))"),
                                       "deep.wasm");
      return guest(m).call("go");
    };
    EXPECT_THROW(depth_with(64_KiB), trap);
    EXPECT_EQ(depth_with(8_MiB), 20000);
    EXPECT_THROW(engine({.stack_size = 1}), std::invalid_argument);
    EXPECT_THROW(engine({.stack_size = 1ULL << 40}), std::invalid_argument);
  });
}

TEST(limits_test, within_its_limits_a_guest_does_not_notice_them) {
  weft::test::run([] {
    const scratch_folder folder;
    const guest_limits all{.memory = 16_MiB,
                           .table_elements = 1000,
                           .descriptors = 10,
                           .output = 10'000,
                           .cpu_time = 10s,
                           .wall_time = 1h};
    write_file(folder / "file", "content");
    const result r = run_tool({"read", "/data/file"}, {.directories = {{folder.path(), "/data"}}, .limits = all});
    EXPECT_EQ(r.output, "content");
    EXPECT_EQ(r.exit_code, 0);
  });
}

// Lines of /proc/self/maps.
std::int64_t count_of_mappings() {
  std::ifstream maps("/proc/self/maps");
  return std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n');
}

// One guest over each limit, with what it is given.
void pass_every_limit(const std::filesystem::path& folder) {
  EXPECT_TRUE(trap_when({"grow"}, {.memory = 2_MiB}));
  EXPECT_TRUE(trap_when({"open", "/data/file"}, {.descriptors = 8}, folder));
  EXPECT_TRUE(trap_when({"write"}, {.output = 3000}));
  EXPECT_TRUE(trap_when({"write-file", "/data/new"}, {.output = 3000}, folder));
  EXPECT_TRUE(trap_when({"compute"}, {.cpu_time = 1ns}));
  EXPECT_TRUE(trap_when({"sleep", "3600000"}, {.wall_time = 1us}));
  EXPECT_TRUE(trap_when({"recurse"}, {}));
}

struct footprint {
  std::int64_t descriptors = static_cast<std::int64_t>(open_descriptors());
  std::int64_t mappings = count_of_mappings();
  std::int64_t bytes = static_cast<std::int64_t>(::mallinfo2().uordblks);
};

footprint operator-(const footprint& a, const footprint& b) {
  return {
      .descriptors = a.descriptors - b.descriptors, .mappings = a.mappings - b.mappings, .bytes = a.bytes - b.bytes};
}

// What grows once to its size (stacks of fibers, arenas, a worker more while another is held up) may do so at any time; what
// leaks grows each time. So of several rounds the one counts that grew least.
template <class Round>
footprint least_growth(int rounds, Round round) {
  footprint least{.descriptors = INT64_MAX, .mappings = INT64_MAX, .bytes = INT64_MAX};
  footprint before;
  for (int i = 0; i < rounds; ++i) {
    round();
    const footprint now;
    const footprint grown = now - before;
    std::printf("round %d: %+lld descriptors, %+lld mappings, %+lld bytes\n", i,
                static_cast<long long>(grown.descriptors), static_cast<long long>(grown.mappings),
                static_cast<long long>(grown.bytes));
    least.descriptors = std::min(least.descriptors, grown.descriptors);
    least.mappings = std::min(least.mappings, grown.mappings);
    least.bytes = std::min(least.bytes, grown.bytes);
    before = now;
  }
  return least;
}

// Eight at once, where the allocator's caches of so many threads never quite settle; then one after another, to the byte. With
// WEFT_TESTING_LONG a thousand guests each way.
TEST(limits_test, hundreds_of_guests_over_their_limits_leave_nothing_behind) {
  weft::test::run([] {
    constexpr int guests_a_pass = 7;
    constexpr int rounds = 6;
    constexpr int at_once = 8;
    const int guests = std::getenv("WEFT_TESTING_LONG") != nullptr ? 1000 : 150;
    const int passes_a_round = guests / guests_a_pass / rounds + 1;
    const scratch_folder folder;
    write_file(folder / "file", "x");
    const footprint at_a_time = least_growth(rounds, [&] {
      std::atomic<int> left{passes_a_round};
      group g;
      for (int i = 0; i < at_once; ++i) {
        g.spawn([&] {
          while (left.fetch_sub(1) > 0) pass_every_limit(folder.path());
        });
      }
      g.join();
    });
    EXPECT_LE(at_a_time.descriptors, 0);
    EXPECT_LE(at_a_time.mappings, 0);
    constexpr int more_rounds = 12;
    const footprint in_turn = least_growth(more_rounds, [&] {
      for (int i = 0; i < passes_a_round; ++i) pass_every_limit(folder.path());
    });
    EXPECT_LE(in_turn.descriptors, 0);
    EXPECT_LE(in_turn.mappings, 0);
    EXPECT_LE(in_turn.bytes, 0);
  });
}

}  // namespace
}  // namespace weft::wasm::test
