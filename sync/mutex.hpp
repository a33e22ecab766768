// Mutual exclusion between fibers, threads, or both: mutex, and timed_mutex whose attempts may have a time limit.
//
// Who waits parks (a thread blocks), in order of arrival. Whoever happens to run may take a free mutex before them, which keeps a contended one as
// fast as one that is not; but once the first has waited for 1 ms the mutex is handed over to it (the rule of Go's sync.Mutex, Dmitry Vyukov and
// Russ Cox 2016). Lock and unlock without contention are one locked instruction each, some 5 ns together.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/lock_word.hpp>
#include <weft/sync/detail/misuse.hpp>
#include <weft/sync/detail/time_limit.hpp>
#include <weft/sync/detail/waiter_list.hpp>

namespace weft {

// Of one mutex, since it was made.
struct mutex_statistics {
  std::size_t waiters = 0;       // now
  std::uint64_t waits = 0;       // times that somebody had to park or block
  std::uint64_t hand_overs = 0;  // to one who had waited for long
};

// The standard's Mutex: std::lock_guard, unique_lock, scoped_lock and std::lock work. It may be held across calls that park, and unlocked on
// another worker than it was locked on, but by the fiber or thread that locked it: for anything else there is binary_semaphore. Not
// recursive. Dumps and deadlock reports tell who holds it.
class mutex {
 public:
  mutex() = default;
  // Nobody may wait: ends the process otherwise.
  ~mutex();
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  // A cancellation point where it has to wait; throws `cancelled`, and then does not hold the mutex. Throws std::system_error
  // (resource_deadlock_would_occur) if the caller's own fiber or thread holds it, as seen by the stack: so also in a task that runs on the stack
  // of the holder who waits for it.
  void lock() {
    turn_point();
    if (word_.try_take()) [[likely]]
      return note_holder();
    lock_slowly(no_limit, parker::cancellation::observed);
  }
  [[nodiscard]] bool try_lock() noexcept {
    if (!word_.try_take()) return false;
    note_holder();
    return true;
  }
  // Throws std::system_error (operation_not_permitted) if nobody holds it, or another fiber or thread, as seen by the stack. Never waits, but may
  // let others run when it hands the mutex over.
  void unlock() {
    detail::expect_holder(holder_.load(std::memory_order_relaxed), "mutex");
    holder_.store(nullptr, std::memory_order_relaxed);
    if (const auto end = word_.give_up(); end != detail::lock_word::end::released) [[unlikely]]
      unlock_slowly(end);
    schedule_point();
  }

  [[nodiscard]] mutex_statistics statistics() const noexcept;

 protected:
  static constexpr auto no_limit = parker::time_point::max();
  // False when the limit came.
  bool lock_slowly(parker::time_point limit, parker::cancellation mode);

 private:
  friend class condition_variable;
  struct waiter : detail::waiter_links<waiter> {
    ticket waiting;
    parker::time_point since;
    bool handed_over = false;
  };

  [[gnu::always_inline]] void note_holder() noexcept {
    holder_.store(__builtin_frame_address(0), std::memory_order_relaxed);
  }
  [[nodiscard]] bool holds_it_already() const noexcept;
  bool take_by_spinning() noexcept;
  bool take_as_woken() noexcept;
  void unlock_slowly(detail::lock_word::end end);
  bool hand_over() noexcept;
  void wake_one() noexcept;

  detail::lock_word word_;
  mutable spin_lock lock_;                    // of all below
  bool woken_ = false;                        // one who waited is on its way to take the mutex
  std::atomic<const void*> holder_{nullptr};  // an address on the holder's stack
  detail::waiter_list<waiter> waiters_;
  std::uint64_t waits_ = 0;
  std::uint64_t hand_overs_ = 0;
};

// The standard's TimedMutex. Attempts that have a time limit are cancellation points as lock() is; limits go by the steady clock, which in seeded
// runs is theirs.
class timed_mutex : public mutex {
 public:
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> time) {
    return try_lock() || lock_slowly(detail::limit_after(time), parker::cancellation::observed);
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) {
    return try_lock() || lock_slowly(detail::limit_at(time), parker::cancellation::observed);
  }
};

}  // namespace weft
