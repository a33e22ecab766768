#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include <weft/wasm/cli/run_options.hpp>
#include <weft/wasm/cli/table.hpp>

namespace weft::cli {
namespace {

TEST(directory, forms) {
  EXPECT_EQ(parse_directory("."), (directory_grant{".", ".", true}));
  EXPECT_EQ(parse_directory("/srv/in::/in"), (directory_grant{"/srv/in", "/in", true}));
  EXPECT_EQ(parse_directory("/srv/in::/in:ro"), (directory_grant{"/srv/in", "/in", false}));
  EXPECT_EQ(parse_directory("data:ro"), (directory_grant{"data", "data", false}));
  EXPECT_EQ(parse_directory("data:rw"), (directory_grant{"data", "data", true}));
  EXPECT_EQ(parse_directory("a:b::c:d"), (directory_grant{"a:b", "c:d", true}));
}

TEST(directory, without_a_host_or_a_guest_folder_is_refused) {
  for (const char* text : {"", ":ro", "::", "::/in", "/in::", "/in:::ro"}) {
    EXPECT_THROW(static_cast<void>(parse_directory(text)), std::invalid_argument) << text;
  }
}

TEST(environment, forms) {
  EXPECT_EQ(parse_environment("A=1"), (environment_variable{"A", "1"}));
  EXPECT_EQ(parse_environment("A="), (environment_variable{"A", ""}));
  EXPECT_EQ(parse_environment("A=x=y"), (environment_variable{"A", "x=y"}));
  ASSERT_EQ(setenv("WEFT_CLI_TEST", "passed on", 1), 0);
  EXPECT_EQ(parse_environment("WEFT_CLI_TEST"), (environment_variable{"WEFT_CLI_TEST", "passed on"}));
  ASSERT_EQ(unsetenv("WEFT_CLI_TEST"), 0);
  EXPECT_THROW(static_cast<void>(parse_environment("WEFT_CLI_TEST")), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(parse_environment("=1")), std::invalid_argument);
}

TEST(table, columns_line_up) {
  table t({table::align::left, table::align::right});
  t.heading("a heading that is wider than the columns");
  t.row({"name", "1"});
  t.row({"x", "1,000"});
  t.gap();
  t.row({"größe", "12"});
  EXPECT_EQ(t.text(2),
            "  a heading that is wider than the columns\n"
            "  name       1\n"
            "  x      1,000\n"
            "\n"
            "  größe     12\n");
}

TEST(table, colours_change_no_width) {
  table t({table::align::left, table::align::left});
  t.row({"a", "b"});
  EXPECT_EQ(t.text(0, true), "\x1b[2ma\x1b[0m  b\n");
}

}  // namespace
}  // namespace weft::cli
