// How a hook waits: by weft's operations, with errors where weft throws.
//
// All of these return a result that is not negative or a negative errno, like io/detail/: ECANCELED where the fiber's scope is cancelled, ETIMEDOUT
// where that is for its deadline. The caller is outside of weft (entry.hpp); the functions go in and come out again.
#pragma once

#include <poll.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <span>

#include <weft/io/hooks/detail/entry.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/cancel.hpp>

namespace weft::io::hooks {

using time_point = std::chrono::steady_clock::time_point;

// Sets errno to what a negative result says. As a system call returns. Out of line: the caller has just parked, so its errno may be elsewhere.
std::int64_t leave_with(std::int64_t result);
// errno as a negative result.
[[nodiscard]] std::int64_t negative_errno() noexcept;

// What a cancellation is to a C library. One who goes on all the same gives way to others.
std::int64_t give_up(const cancelled& c) noexcept;

// What an exception of weft's is to a C library: no memory, no thread to be had, a runtime without an I/O engine.
std::int64_t error_of_exception() noexcept;

// f() inside weft.
template <class F>
std::int64_t inside(F f) noexcept {
  const entry in;
  try {
    return f();
  } catch (const cancelled& c) {
    return give_up(c);
  } catch (...) {
    return error_of_exception();
  }
}

// The call on a thread that may block; not to be cut short once begun.
template <class Call>
std::int64_t on_helper_thread(Call call) noexcept {
  return inside([&] { return blocking([&]() -> std::int64_t { return call(); }); });
}

// Waits until one of the poll events is there, and returns those that are, also where the fiber is cancelled; -EAGAIN when the limit came first.
std::int64_t wait_for_events(int fd, short events, time_point limit) noexcept;
// The same of several: their number, or 0 when the limit came first.
std::int64_t wait_for_any(std::span<pollfd> descriptors, time_point limit) noexcept;
// 0 at that time.
std::int64_t wait_until(time_point when) noexcept;

// Calls that never wait count, too: every 64th lets others run first.
void give_way_now_and_then() noexcept;

// The time so far from now; no limit where it is negative or beyond the end of time.
[[nodiscard]] time_point limit_after(std::chrono::nanoseconds duration) noexcept;
[[nodiscard]] inline bool has_valid_nanoseconds(const timespec& t) noexcept {
  return t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000;
}
// A time of that clock as one of ours. A clock that is set meanwhile moves what has begun already in vain.
[[nodiscard]] time_point limit_at(clockid_t clock, const timespec& when) noexcept;

}  // namespace weft::io::hooks
