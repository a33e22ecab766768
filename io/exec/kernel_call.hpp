// System calls without the C library: no errno, no cancellation point, and made in this library's own code.
#pragma once

#include <signal.h>

namespace weft::exec {

using kernel_arguments = long[6];

// The result, or a negative errno.
inline long kernel_call(long number, const kernel_arguments& a) noexcept {
  register long r10 asm("r10") = a[3];
  register long r8 asm("r8") = a[4];
  register long r9 asm("r9") = a[5];
  long result = 0;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// What rt_sigaction(2) takes.
struct kernel_action {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

}  // namespace weft::exec
