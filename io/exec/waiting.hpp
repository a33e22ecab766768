// What the functions that wait have in common: when their time is over, and what a cancellation or signal does to them.
#pragma once

#include <cerrno>
#include <ctime>

#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>

namespace weft::exec {

[[nodiscard]] inline bool is_valid(const timespec& t) noexcept { return t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000; }

// The time on the steady clock that is `when` on another; nullptr is no limit.
[[nodiscard]] time_point on_steady_clock(clockid_t clock, const timespec* when) noexcept;
// So far from now.
[[nodiscard]] time_point after(const timespec& duration) noexcept;

// Ends the thread if it is to be cancelled; as the C library's functions that wait do at their beginning and end.
void cancellation_point();
// After a wait that was interrupted: ends the thread if it is to be cancelled, else runs the handlers of the signals that were sent to it. True if
// the call is to be restarted (SA_RESTART), false if it fails with EINTR.
bool answer_interruption();

// The caller's errno. Out of line: what is called in between may park, and fibers of the runtime's side have another.
[[gnu::noinline]] void set_errno(int value) noexcept;

}  // namespace weft::exec
