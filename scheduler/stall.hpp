// What the monitor reports: a fiber that keeps its worker from others.
//
// A fiber that blocks its thread in the kernel outside weft::blocking(), or computes for long while others wait behind it, is noticed within
// 20 ms. A spare worker then serves what waits, and each place is reported once: to options::on_stall, or else on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>

namespace weft {

enum class stall_kind : std::uint8_t {
  blocked,  // in the kernel; remedy: weft::blocking(), or weft's own call for it
  computing,  // without giving way while others wait; remedy: weft::yield() now and then, parallel_for, or weft::blocking()
};

struct stall_report {
  stall_kind kind = stall_kind::blocked;
  unsigned worker = 0;                   // index; spare workers follow those of the options
  std::chrono::nanoseconds duration{0};  // when it was noticed; it may go on
  std::string task;                      // name of the task; empty if it has none, or could not be read
  std::string spawned;                   // FILE:LINE of its spawn; empty the same
  std::string stack;                     // a frame a line, innermost first; empty where it could not be read
};

// A paragraph for people, with the remedy. Ends in a newline.
[[nodiscard]] std::string to_string(const stall_report& r);

}  // namespace weft
