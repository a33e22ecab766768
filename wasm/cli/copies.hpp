// Runs the copies of a guest that `weft run` was asked for, and finds out how each ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weft/wasm/cli/run_options.hpp>
#include <weft/wasm/guest.hpp>
#include <weft/wasm/module.hpp>

namespace weft::cli {

// How a copy ended.
enum class ending {
  exited,     // by itself, with an exit code
  trapped,    // it could not go on; the message has the reason and the backtrace
  failed,     // weft could not give it what it needs
  cancelled,  // the time limit or a signal came first
};

[[nodiscard]] const char* to_string(ending e) noexcept;

struct copy_result {
  ending how = ending::cancelled;
  int exit_code = 0;  // what the program `weft` ends with on its account; 0 for cancelled
  std::string message;
  wasm::guest_statistics statistics;
};

// What the copies have in common, beside the options.
struct copy_plan {
  wasm::module module;
  std::vector<std::pair<std::string, wasm::module>> preloads;
  std::vector<int> sockets;
};

struct copies_result {
  std::vector<copy_result> copies;
  bool timed_out = false;
  std::chrono::nanoseconds duration{};  // from the first copy's start to the last one's end

  // Of the first copy, in order of their numbers, that did not end with 0.
  [[nodiscard]] int exit_code() const noexcept;
};

// Runs all copies at once and waits for them; `result` tells how each ended, also of those that were cancelled with the
// caller or by the time limit. Parks. Throws wasm::module_error if the module cannot be run at all.
void run_copies(const copy_plan& plan, const run_options& options, copies_result& result);

}  // namespace weft::cli
