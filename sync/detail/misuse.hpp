// What happens when a primitive is used as it must not be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include <weft/scheduler/spin_lock.hpp>

namespace weft::detail {

// Ends the process with a message.
[[noreturn]] void die_with_waiters(const char* kind, const void* object, std::size_t waiters) noexcept;

// For an unlock: throws std::system_error (operation_not_permitted) if `holder`, an address on the stack of whoever locked, lies on another stack
// than the caller's. Null passes: that nobody holds it is for the unlock itself to find. Stacks of fibers begin at multiples of 64 KiB, so
// mostly a look at the two addresses is enough.
void check_holder(const void* holder, const char* kind);
[[gnu::always_inline]] inline void expect_holder(const void* holder, const char* kind) {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (((reinterpret_cast<std::uintptr_t>(holder) ^ here) >> 16) != 0) [[unlikely]]
    check_holder(holder, kind);
}

// For destructors. Taking the lock lets whoever still signals get out: all of sync/ signals under the lock, so that a primitive may be destroyed
// as soon as the last waiter has been woken.
template <class Queue>
void expect_no_waiters(spin_lock& lock, const Queue& queue, const char* kind, const void* object) noexcept {
  const std::lock_guard guard(lock);
  if (!queue.empty()) [[unlikely]]
    die_with_waiters(kind, object, queue.size());
}

}  // namespace weft::detail
