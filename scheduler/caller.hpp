// What the author of a primitive wants to know of whoever calls it. Nothing here waits, and nothing is a cancellation point.
#pragma once

namespace weft {

// Names the task that calls, also one that runs on the stack of whoever waits for it; outside of tasks the fiber or the thread. No two that
// exist at the same time have the same. About 2 ns. Any thread.
[[nodiscard]] const void* caller_id() noexcept;

// True if the address lies on the stack that the caller runs on. Any thread; the first call of one that is no worker takes some microseconds.
[[nodiscard]] bool is_on_callers_stack(const void* address) noexcept;

// True if a moment of spinning may be worth while: another worker or thread may be running whom the caller would wait for, and no fiber waits
// for the caller's worker. False in seeded runs (testing.hpp). Any thread.
[[nodiscard]] bool spinning_may_help() noexcept;

// Lets other ready fibers run before the caller goes on; returns at once when there are none, and outside a fiber. As yield(), but throws
// nothing: for what must not fail, such as an unlock that hands a lock over.
void give_way() noexcept;

}  // namespace weft
