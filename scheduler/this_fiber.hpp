// What the calling fiber can do to itself without waiting for anything in particular.
#pragma once

#include <chrono>
#include <cstdint>

namespace weft {

// Lets other ready fibers run; returns at once when there are none. A cancellation point: throws `cancelled`.
// Does nothing outside a fiber.
void yield();

// Parks for at least the given time (a steady clock's; resolution about 50 us, see docs). Zero or less: a yield().
// Throws `cancelled`. Outside a fiber it is an ordinary sleep of the OS thread.
void sleep_until(std::chrono::steady_clock::time_point when);
void sleep_for(std::chrono::nanoseconds duration);

// True on one of weft's fibers, where blocking calls park instead of blocking the thread.
[[nodiscard]] bool in_fiber() noexcept;

// Index of the worker that runs the caller, from 0; -1 outside. It may change at every call that parks.
[[nodiscard]] int current_worker() noexcept;

// For code that was interrupted by a preemption signal of its own (a guest whose time slice ended): yields, and has the
// worker look at timers and I/O at once rather than after its usual number of switches. Throws `cancelled`.
void yield_after_slice();

}  // namespace weft
