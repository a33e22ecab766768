// The permits under counting_semaphore and whatever else is one in disguise: strictly first come, first served.
#pragma once

#include <cstddef>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/permit_word.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft::detail {

class semaphore_core {
 public:
  // `kind` is what dumps and error messages call it, and lives as long.
  semaphore_core(const wait_kind& kind, std::ptrdiff_t permits) noexcept : kind_(kind), word_(permits) {}
  ~semaphore_core();
  semaphore_core(const semaphore_core&) = delete;
  semaphore_core& operator=(const semaphore_core&) = delete;

  // Takes one permit; false when the limit came. A cancellation point on entry and while it waits.
  bool acquire(parker::time_point limit = parker::time_point::max());
  bool try_acquire() noexcept { return word_.try_take(); }
  // False, and nothing has changed, if more than `most` would then be free.
  bool release(std::ptrdiff_t permits, std::ptrdiff_t most) noexcept;

  // For who waits for several things at once: under the guard either takes a permit or counts as waiting, and then lines up.
  [[nodiscard]] spin_lock& guard() noexcept { return lock_; }
  bool take_or_wait() noexcept { return word_.take_or_wait(); }
  [[nodiscard]] wait_queue& line() noexcept { return waiters_; }

  [[nodiscard]] std::ptrdiff_t available() const noexcept { return word_.permits(); }
  [[nodiscard]] std::size_t waiters() const noexcept;

 private:
  bool release_to_waiters(std::ptrdiff_t permits, std::ptrdiff_t most) noexcept;

  const wait_kind& kind_;
  permit_word word_;
  mutable spin_lock lock_;
  wait_queue waiters_;
};

}  // namespace weft::detail
