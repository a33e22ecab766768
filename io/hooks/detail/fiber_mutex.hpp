// A pthread mutex as fibers lock it. The object is the C library's own and stays usable by threads, whose calls are the real ones; only the owner that a
// fiber writes into it is the fiber rather than its thread. Else two fibers of one worker would both own a recursive mutex, and one that has gone on
// elsewhere could not unlock it.
//
// Waiting for a lock is no cancellation point, as POSIX has it: who ignores an error of pthread_mutex_lock() would go on without the lock.
#pragma once

#include <pthread.h>

#include <cstdint>

#include <weft/scheduler/park.hpp>

namespace weft::io::hooks {

class fiber_mutex {
 public:
  using time_point = parker::time_point;

  explicit fiber_mutex(pthread_mutex_t& m) noexcept : mutex_(m.__data), key_(&m) {}

  // Those that only this process uses, and that are not tied to priorities or the death of their owner. The rest is for the real calls, which
  // block the thread.
  [[nodiscard]] bool is_ours() const noexcept;

  // 0 or an error, as the pthread_mutex_* of that name. On a fiber.
  int lock(time_point limit) noexcept;
  int try_lock() noexcept;
  // Of one that a fiber has locked; nothing of the kind, and false, if a thread has.
  bool unlock(int& error) noexcept;
  // By a fiber that is to wait for a condition variable, whatever count a recursive one has.
  void release() noexcept;

 private:
  [[nodiscard]] bool is_owned_by_caller() const noexcept;
  int lock_again() noexcept;
  bool take() noexcept;
  std::int64_t wait_and_take(time_point limit) noexcept;
  [[nodiscard]] bool may_be_released_unseen() const noexcept;

  __pthread_mutex_s& mutex_;
  const void* const key_;
};

// Around a thread's real wait for a condition, which frees and takes its mutex inside the C library, where no hook sees it. While one stands, fibers
// that find a mutex held by a thread look again by themselves, every millisecond at first.
class unseen_release {
 public:
  explicit unseen_release(const pthread_mutex_t* held) noexcept;
  ~unseen_release();
  unseen_release(const unseen_release&) = delete;
  unseen_release& operator=(const unseen_release&) = delete;
};

}  // namespace weft::io::hooks
