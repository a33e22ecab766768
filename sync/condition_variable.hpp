// Waiting for a condition that a lock guards: condition_variable with weft::mutex, condition_variable_any with any lock.
//
// As the standard's, and cancellable: a wait that is cancelled takes the lock again, uncancellably, and throws. A notification that has reached a waiter
// is what its wait returns, even if a cancellation or its time limit comes at the same time: none is lost to one who leaves. Waiters are notified in
// order of arrival. Notifying nobody costs a few nanoseconds; a wait and its end are two switches or so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

#include <weft/scheduler/shield.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/detail/notify_queue.hpp>
#include <weft/sync/detail/time_limit.hpp>
#include <weft/sync/mutex.hpp>

namespace weft {

struct condition_variable_statistics {
  std::size_t waiters = 0;  // now
};

// As std::condition_variable, with std::unique_lock<weft::mutex>. Fibers and threads wait; anybody notifies, with the mutex held or not. May be
// destroyed once all waiters have been notified. Each wait is a cancellation point, on entry too, and throws `cancelled` with the
// mutex held; std::system_error (operation_not_permitted) if the lock does not hold its mutex. Wakes are never spurious, but others may have been
// faster: wait for a predicate.
class condition_variable {
 public:
  condition_variable() = default;
  // Nobody may wait who has not been notified: ends the process otherwise.
  ~condition_variable() = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  void notify_one() noexcept { queue_.notify_one(); }
  void notify_all() noexcept { queue_.notify_all(); }

  void wait(std::unique_lock<mutex>& lock) { (void)wait_to(lock, no_limit); }
  template <class Predicate>
  void wait(std::unique_lock<mutex>& lock, Predicate satisfied) {
    while (!satisfied()) wait(lock);
  }
  template <class Rep, class Period>
  std::cv_status wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> time) {
    return wait_to(lock, detail::limit_after(time));
  }
  // What the predicate says in the end.
  template <class Rep, class Period, class Predicate>
  [[nodiscard]] bool wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> time,
                              Predicate satisfied) {
    return wait_to(lock, detail::limit_after(time), std::move(satisfied));
  }
  template <class Clock, class Duration>
  std::cv_status wait_until(std::unique_lock<mutex>& lock, std::chrono::time_point<Clock, Duration> time) {
    return wait_to(lock, detail::limit_at(time));
  }
  template <class Clock, class Duration, class Predicate>
  [[nodiscard]] bool wait_until(std::unique_lock<mutex>& lock, std::chrono::time_point<Clock, Duration> time,
                                Predicate satisfied) {
    return wait_to(lock, detail::limit_at(time), std::move(satisfied));
  }

  [[nodiscard]] condition_variable_statistics statistics() const noexcept { return {queue_.size()}; }

 private:
  static constexpr auto no_limit = parker::time_point::max();
  std::cv_status wait_to(std::unique_lock<mutex>& lock, parker::time_point limit);
  template <class Predicate>
  bool wait_to(std::unique_lock<mutex>& lock, parker::time_point limit, Predicate satisfied) {
    while (!satisfied()) {
      if (wait_to(lock, limit) == std::cv_status::timeout) return satisfied();
    }
    return true;
  }

  detail::notify_queue queue_;
};

// As std::condition_variable_any: any lock with lock() and unlock(), weft's or another's. Contracts as above. Locking again happens in a shield, as
// lock() may be a cancellation point, which costs some tens of nanoseconds more.
class condition_variable_any {
 public:
  condition_variable_any() = default;
  // Nobody may wait who has not been notified: ends the process otherwise.
  ~condition_variable_any() = default;
  condition_variable_any(const condition_variable_any&) = delete;
  condition_variable_any& operator=(const condition_variable_any&) = delete;

  void notify_one() noexcept { queue_.notify_one(); }
  void notify_all() noexcept { queue_.notify_all(); }

  template <class Lock>
  void wait(Lock& lock) {
    (void)wait_to(lock, no_limit);
  }
  template <class Lock, class Predicate>
  void wait(Lock& lock, Predicate satisfied) {
    while (!satisfied()) wait(lock);
  }
  template <class Lock, class Rep, class Period>
  std::cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> time) {
    return wait_to(lock, detail::limit_after(time));
  }
  template <class Lock, class Rep, class Period, class Predicate>
  [[nodiscard]] bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> time, Predicate satisfied) {
    return wait_to(lock, detail::limit_after(time), std::move(satisfied));
  }
  template <class Lock, class Clock, class Duration>
  std::cv_status wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> time) {
    return wait_to(lock, detail::limit_at(time));
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  [[nodiscard]] bool wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> time, Predicate satisfied) {
    return wait_to(lock, detail::limit_at(time), std::move(satisfied));
  }

  [[nodiscard]] condition_variable_statistics statistics() const noexcept { return {queue_.size()}; }

 private:
  static constexpr auto no_limit = parker::time_point::max();

  template <class Lock>
  static void lock_again(Lock& lock) {
    if (!in_fiber()) return lock.lock();
    const shield until_locked(std::chrono::nanoseconds::max());
    lock.lock();
  }
  template <class Lock>
  std::cv_status wait_to(Lock& lock, parker::time_point limit) {
    check_cancelled();
    detail::notify_queue::waiter self(queue_);
    lock.unlock();
    const wake why = self.wait(limit);
    lock_again(lock);
    if (why == wake::cancelled) throw_cancelled();
    return why == wake::timed_out ? std::cv_status::timeout : std::cv_status::no_timeout;
  }
  template <class Lock, class Predicate>
  bool wait_to(Lock& lock, parker::time_point limit, Predicate satisfied) {
    while (!satisfied()) {
      if (wait_to(lock, limit) == std::cv_status::timeout) return satisfied();
    }
    return true;
  }

  detail::notify_queue queue_;
};

}  // namespace weft
