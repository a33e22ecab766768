// I/O in flight may wake its fiber at any time: no deadlock; and a dump names the descriptor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string>

#include <support.hpp>
#include <weft/io/pipe.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(deadlock, is_none_while_io_is_pending) {
  test::run([] {
    auto [reader, writer] = io::make_pipe();
    group g;
    g.spawn([&] {
      std::array<std::byte, 1> buffer{};
      EXPECT_EQ(reader.read_some(buffer), 1U);
    });
    std::string text;
    test::give_way_until([&] { return (text = dump()).find("read of descriptor") != std::string::npos; });
    EXPECT_THAT(text, testing::ContainsRegex(": read of descriptor [0-9]+"));
    sleep_for(1ms);
    writer.write_all(std::array<std::byte, 1>{});
  });
}

}  // namespace
}  // namespace weft
