// Runs the copies of a guest that `weft run` was asked for, and finds out how each ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <weft/wasm/cli/run_options.hpp>
#include <weft/wasm/cli/signals.hpp>
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
  std::uint64_t peak_memory = 0;  // bytes
};

struct copies_result {
  std::vector<copy_result> copies;
  bool timed_out = false;
  std::chrono::nanoseconds duration{};  // from the first copy's start to the last one's end

  // Of the first copy, in order of their numbers, that did not end with 0.
  [[nodiscard]] int exit_code() const noexcept;
};

// Runs all copies at once and waits for them. A signal or the time limit cancels those that are left. Parks. Throws
// wasm::module_error if the module cannot be run at all.
[[nodiscard]] copies_result run_copies(const wasm::module& module, const run_options& options, signal_watch& signals);

}  // namespace weft::cli
