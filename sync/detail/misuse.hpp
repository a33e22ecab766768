// What happens when a primitive is used as it must not be.
#pragma once

#include <cstddef>
#include <mutex>

#include <weft/scheduler/spin_lock.hpp>

namespace weft::detail {

// Ends the process with a message.
[[noreturn]] void die_with_waiters(const char* kind, const void* object, std::size_t waiters) noexcept;

// For destructors. Taking the lock lets whoever still signals get out: all of sync/ signals under the lock, so that a primitive may be destroyed
// as soon as the last waiter has been woken.
template <class Queue>
void expect_no_waiters(spin_lock& lock, const Queue& queue, const char* kind, const void* object) noexcept {
  const std::lock_guard guard(lock);
  if (!queue.empty()) [[unlikely]]
    die_with_waiters(kind, object, queue.size());
}

}  // namespace weft::detail
