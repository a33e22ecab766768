// Where in the kernel a thread of this process sleeps, and whether a signal would be noticed by what it does there.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

namespace weft::detail {

struct kernel_position {
  enum class state : std::uint8_t {
    unknown,    // no such thread, or no /proc
    running,    // has a CPU or wants one
    in_call,    // sleeps in a system call
    elsewhere,  // sleeps in a page fault or the like
  };

  state what = state::unknown;
  long call = -1;  // the number of the system call
  std::array<std::uint64_t, 6> arguments = {};
  std::uint64_t stack_pointer = 0;  // of the thread's own code, unless it runs
  std::uint64_t program_counter = 0;
};

[[nodiscard]] kernel_position position_of_thread(pid_t thread) noexcept;

// True if the thread runs, or sleeps in what the kernel takes up again after a handler with SA_RESTART. Many calls fail with EINTR all the
// same (poll(2), nanosleep(2), whatever has a time limit: signal(7) lists them), and a write to a pipe ends short.
[[nodiscard]] bool is_interruptible(const kernel_position& p) noexcept;

}  // namespace weft::detail
