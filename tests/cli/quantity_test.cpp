#include <gtest/gtest.h>

#include <stdexcept>

#include <weft/wasm/cli/quantity.hpp>

namespace weft::cli {
namespace {

using namespace std::chrono_literals;

TEST(quantity, sizes_have_units_of_1024) {
  EXPECT_EQ(parse_size("1"), 1U);
  EXPECT_EQ(parse_size("65536"), 65536U);
  EXPECT_EQ(parse_size("64K"), 64U << 10);
  EXPECT_EQ(parse_size("64m"), 64U << 20);
  EXPECT_EQ(parse_size("64MB"), 64U << 20);
  EXPECT_EQ(parse_size("64MiB"), 64U << 20);
  EXPECT_EQ(parse_size("1.5G"), 3ULL << 29);
  EXPECT_EQ(parse_size("4GiB"), 4ULL << 30);
}

TEST(quantity, what_is_no_size_is_quoted) {
  for (const char* text : {"", "0", "0.2", "-1", "1Q", "1 M", " 1", "0x10", "1e3", "M", "nan", "inf", "99999999T"}) {
    try {
      static_cast<void>(parse_size(text));
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& e) {
      EXPECT_EQ(std::string(e.what()).find('\'' + std::string(text) + '\''), 0U) << e.what();
    }
  }
}

TEST(quantity, durations_are_seconds_without_a_unit) {
  EXPECT_EQ(parse_duration("10"), 10s);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("250us"), 250us);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
}

TEST(quantity, what_is_no_duration_is_refused) {
  for (const char* text : {"", "0", "0s", "-1s", "1d", "1 s", "soon", "1e3s", "1e30", "nan", "9999999999h"}) {
    EXPECT_THROW(static_cast<void>(parse_duration(text)), std::invalid_argument) << text;
  }
}

TEST(quantity, durations_are_shown_with_three_digits) {
  EXPECT_EQ(format_duration(0ns), "0 ns");
  EXPECT_EQ(format_duration(999ns), "999 ns");
  EXPECT_EQ(format_duration(1500ns), "1.50 us");
  EXPECT_EQ(format_duration(48123ns), "48.1 us");
  EXPECT_EQ(format_duration(314900us), "315 ms");
  EXPECT_EQ(format_duration(999600us), "1.00 s");
  EXPECT_EQ(format_duration(75s), "75.0 s");
  EXPECT_EQ(format_duration(1h), "3600 s");
}

TEST(quantity, sizes_are_shown_in_the_largest_unit_that_fits) {
  EXPECT_EQ(format_size(0), "0 bytes");
  EXPECT_EQ(format_size(1023), "1023 bytes");
  EXPECT_EQ(format_size(64 << 20), "64 MiB");
  EXPECT_EQ(format_size(3ULL << 29), "1.50 GiB");
  EXPECT_EQ(format_size(131112), "128 KiB");
}

TEST(quantity, counts_have_groups_of_three) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
}

}  // namespace
}  // namespace weft::cli
