// A condition that stays: fibers wait until it is set.
#pragma once

#include <atomic>
#include <chrono>

#include <weft/sync/wait_queue.hpp>

namespace weft {

namespace detail {
template <class F>
class event_case;
}

// Manual reset: once set, every wait returns at once until reset(). set() happens before the wait that sees it returns. Any
// thread may set; fibers wait. Costs a few loads when it is set already.
class event {
 public:
  event() = default;
  // No fiber may wait.
  ~event() = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // Wakes all who wait. Never parks.
  void set() noexcept;
  void reset() noexcept;
  [[nodiscard]] bool is_set() const noexcept { return set_.load(std::memory_order_acquire); }

  // Parks until the event is set. A cancellation point; throws `cancelled`.
  void wait();
  // As wait(), for at most that long; true if the event was set.
  [[nodiscard]] bool wait_for(std::chrono::nanoseconds limit);

 private:
  template <class F>
  friend class detail::event_case;
  bool wait_until(parker::time_point limit);

  wait_queue::lock_type lock_;
  std::atomic<bool> set_{false};
  wait_queue waiters_;
};

}  // namespace weft
