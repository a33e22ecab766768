// Real I/O in a seeded run: it is waited for, and does not hold up the run's own time for ever.
#include "io_support.hpp"

#include <weft/scheduler/testing.hpp>

namespace weft::io::test {
namespace {

using seeded_io_test = io_test;

TEST_F(seeded_io_test, is_waited_for_where_nothing_else_can_happen) {
  weft::testing::explore({.schedules = 200}, [] {
    auto [reader, writer] = make_pipe();
    group g;
    g.spawn([&writer] {
      writer.write_all("hello");
      writer.close();
    });
    std::array<std::byte, 16> bytes{};
    EXPECT_EQ(reader.read_some(bytes), 5U);
    EXPECT_EQ(reader.read_some(bytes), 0U);
  });
}

// A server waits for clients all the time; a client that sleeps must wake all the same.
TEST_F(seeded_io_test, lets_time_pass_while_an_operation_waits) {
  weft::testing::explore({.schedules = 5}, [] {
    auto [reader, writer] = make_pipe();
    group g;
    g.spawn([&reader] {
      std::array<std::byte, 16> bytes{};
      EXPECT_EQ(reader.read_some(bytes), 5U);
    });
    const auto begin = weft::testing::now();
    sleep_for(std::chrono::hours(1));
    EXPECT_EQ(weft::testing::now() - begin, std::chrono::hours(1));
    writer.write_all("hello");
  });
}

}  // namespace
}  // namespace weft::io::test
