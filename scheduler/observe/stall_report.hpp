// Who keeps a worker from others, and where in its code.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include <weft/scheduler/stall.hpp>

namespace weft::detail {

class worker;

// A report and what tells its place from others.
struct stall_finding {
  stall_report report;
  std::vector<std::uint64_t> place;  // the innermost addresses
  bool has_stack = false;            // it could be read; in a build without an unwinder there are still no addresses

  [[nodiscard]] std::string key() const;
};

// On the monitor's thread, while the worker is stuck. What has changed meanwhile is left out, never wrong memory read. A thread that waits in
// the kernel is not signalled: that could end its system call. Throws std::bad_alloc.
[[nodiscard]] stall_finding examine_stall(const worker& w, stall_kind kind, std::chrono::nanoseconds duration);

}  // namespace weft::detail
