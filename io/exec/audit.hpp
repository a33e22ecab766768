// The audit: which system calls of the program's threads blocked their worker, and where they were made.
//
// While it is on, a system call on the program's side is caught (Syscall User Dispatch, Linux 5.11) and made by us; one that could have waited, and during
// which the thread gave its CPU away, is written down with its call site. Costs a signal for each system call: not for measuring times.
#pragma once

namespace weft::exec::audit {

// Set before the first fiber begins; never again.
inline constinit bool is_on = false;

// Turns it on if the environment asks for it (WEFT_EXEC_AUDIT: a file for the report, or "-" for stderr). The report is written when the process ends.
void begin() noexcept;

// Whether system calls of the OS thread with that thread pointer are caught. Called by that thread, under its own thread pointer or the program's.
void watch(char* worker, bool caught) noexcept;

}  // namespace weft::exec::audit
