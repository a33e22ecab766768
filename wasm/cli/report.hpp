// What `weft run` says at the end: a line for each copy that went wrong, and the reports that were asked for.
#pragma once

#include <string>

#include <weft/scheduler/runtime.hpp>
#include <weft/wasm/cli/copies.hpp>

namespace weft::cli {

struct run_report {
  copies_result result;
  int exit_code = 0;  // of the program
  runtime_statistics runtime;
};

// "weft: copy 3: ..." for each copy that trapped or failed, with its backtrace; the number only if there are several.
[[nodiscard]] std::string failures_text(const copies_result& result);

// The table of --stats.
[[nodiscard]] std::string statistics_table(const run_report& report, bool colour);

// The line of --json.
[[nodiscard]] std::string json_line(const run_report& report);

}  // namespace weft::cli
