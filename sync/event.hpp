// Things that have happened: event stays set until it is reset, auto_reset_event lets one waiter pass each time.
//
// What was done before set() is seen after the wait that it ended. Waiting for what has happened costs some nanoseconds, else a switch.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

#include <weft/sync/detail/semaphore_core.hpp>
#include <weft/sync/detail/time_limit.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

namespace detail {
template <class F>
class event_case;
struct permit_access;
}  // namespace detail

struct event_statistics {
  bool set = false;
  std::size_t waiters = 0;  // now
};

// Manual reset: once set, every wait returns at once until reset(). Fibers and threads wait, anybody sets. May be destroyed as soon as a wait has
// returned, even while set() has not.
class event {
 public:
  event() = default;
  // Nobody may wait: ends the process otherwise.
  ~event();
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // Wakes all who wait. Never parks.
  void set() noexcept;
  void reset() noexcept { set_.store(false, std::memory_order_release); }
  [[nodiscard]] bool is_set() const noexcept { return set_.load(std::memory_order_acquire); }

  // Parks until the event is set. A cancellation point, on entry too; throws `cancelled`.
  void wait() { (void)wait_to(parker::time_point::max()); }
  // As wait(), until the limit at most; true if the event was set.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> time) {
    return wait_to(detail::limit_after(time));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool wait_until(std::chrono::time_point<Clock, Duration> time) {
    return wait_to(detail::limit_at(time));
  }

  [[nodiscard]] event_statistics statistics() const noexcept;

 private:
  template <class F>
  friend class detail::event_case;
  bool wait_to(parker::time_point limit);

  mutable wait_queue::lock_type lock_;
  std::atomic<bool> set_{false};
  wait_queue waiters_;
};

// Auto reset: each set() lets one waiter pass, the first of those who wait or the next who comes; setting it when it is set changes nothing. A wait
// that is cancelled takes no set() away from others.
class auto_reset_event {
 public:
  auto_reset_event() = default;
  // Nobody may wait: ends the process otherwise.
  ~auto_reset_event() = default;
  auto_reset_event(const auto_reset_event&) = delete;
  auto_reset_event& operator=(const auto_reset_event&) = delete;

  // Never parks.
  void set() noexcept { (void)core_.release(1, 1); }
  // True if it was set, and takes that away.
  bool reset() noexcept { return core_.try_acquire(); }

  // As event's, and takes the set() away.
  void wait() { (void)core_.acquire(); }
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> time) {
    return core_.acquire(detail::limit_after(time));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool wait_until(std::chrono::time_point<Clock, Duration> time) {
    return core_.acquire(detail::limit_at(time));
  }

  [[nodiscard]] event_statistics statistics() const noexcept { return {core_.available() != 0, core_.waiters()}; }

 private:
  friend struct detail::permit_access;
  static constexpr wait_kind kind{.name = "auto-reset event", .threads_may_wait = true};
  detail::semaphore_core core_{kind, 0};
};

}  // namespace weft
