// Waiting on a thread that runs no fiber, by the parkers and tickets of fibers.
//
// Such a thread is lent a fiber without a stack for one wait: its word is what all compete for, and the thread sleeps in a futex until the
// winner has woken it. It has no runtime (by which it is known), no scope (so nothing cancels it) and is in no dump. A ticket may come long
// after the wait and even the thread have ended, so these fibers are never freed: as many exist as threads have ever waited at once.
#pragma once

#include <chrono>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/futex.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::detail {

[[nodiscard]] inline bool is_thread(const fiber& f) noexcept { return f.runtime == nullptr; }

// Throws std::bad_alloc.
[[nodiscard]] fiber& borrow_thread_fiber();
void return_thread_fiber(fiber& f) noexcept;

// The whole of a wait that was prepared: as parker::park_until. The fiber is still the caller's.
wake wait_on_thread(fiber& f, std::uint64_t epoch, std::chrono::steady_clock::time_point limit,
                    release_step release) noexcept;
// The unpark of such a fiber.
void wake_thread(fiber& f) noexcept;

// fork() copies the list of those that nobody borrows, which must not be in another thread's hands then.
void lock_thread_fibers() noexcept;
void unlock_thread_fibers() noexcept;

}  // namespace weft::detail
