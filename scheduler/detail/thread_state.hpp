// What the kernel says of a thread of this process.
#pragma once

#include <sys/types.h>

namespace weft::detail {

enum class thread_state : unsigned char {
  runnable,  // has a CPU or wants one
  waiting,   // in a system call or a page fault
  unknown,   // there is no such thread, or /proc is not mounted
};

[[nodiscard]] thread_state state_of_thread(pid_t thread) noexcept;

}  // namespace weft::detail
