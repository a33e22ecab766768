// The demo's measured passes. Each starts a runtime of its own and runs guests on it beside an echo server under load and a
// ticker of one millisecond.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <weft/scheduler/runtime.hpp>
#include <weft/wasm/cli/signals.hpp>

#include "guests.hpp"
#include "lateness.hpp"
#include "progress.hpp"
#include "workload.hpp"

namespace demo {

inline constexpr unsigned echo_clients = 32;
inline constexpr std::chrono::milliseconds echo_pace{5};

struct pass {
  unsigned workers = 0;
  std::size_t guests = 0;
  std::chrono::nanoseconds duration{};  // from the first guest's start to the last one's end
  std::chrono::nanoseconds gone_in{};   // hogs: from their cancellation to the end of the last
  weft::worker_statistics totals = {};
  samples ticks = {};        // how late
  samples round_trips = {};  // of the echo clients
  std::uint64_t echo_messages = 0;
  std::uint64_t echo_bytes = 0;

  [[nodiscard]] double guests_per_second() const {
    return static_cast<double>(guests) / std::chrono::duration<double>(duration).count();
  }
};

// What all passes share.
struct stage {
  const programs& guests;
  const sandbox& box;
  progress& out;
  weft::cli::signal_watch& signals;
};

// Ended by a signal.
struct interrupted {
  int signal;
};

// Runs every job once; results[i] is what came of jobs[i]. Throws weft::group_error if a guest traps or an echo differs, and
// interrupted.
[[nodiscard]] pass run_jobs(const stage& s, unsigned workers, const std::vector<job>& jobs,
                            std::vector<guest_result>& results);

// Two guests a worker that never return, for that long; then they are cancelled. Throws like run_jobs().
[[nodiscard]] pass run_hogs(const stage& s, unsigned workers, std::chrono::nanoseconds length);

}  // namespace demo
