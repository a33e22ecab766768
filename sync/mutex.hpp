// Mutual exclusion between fibers.
#pragma once

#include <atomic>

#include <weft/sync/wait_queue.hpp>

namespace weft {

// Parks the fiber, not the thread; may be held across calls that park, and unlocked on another worker than it was locked on. First
// come, first served among those who wait; a fiber that happens to run may take a free mutex before them. Not recursive.
// Satisfies the standard's Lockable, so std::lock_guard and std::unique_lock work. About 5 ns uncontended.
class mutex {
 public:
  mutex() = default;
  // Must be unlocked.
  ~mutex() = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  // A cancellation point where it has to wait; throws `cancelled`, and then does not hold the mutex.
  void lock();
  [[nodiscard]] bool try_lock() noexcept;
  void unlock() noexcept;

 private:
  enum state : unsigned char { unlocked, locked, contended };  // contended: locked, and somebody may wait
  void note_holder() noexcept { holder_.store(__builtin_frame_address(0), std::memory_order_relaxed); }
  void lock_slowly();
  bool take_contended() noexcept;

  std::atomic<unsigned char> state_{unlocked};
  std::atomic<const void*> holder_{nullptr};  // an address on the holder's stack, for dumps and deadlock reports
  wait_queue::lock_type lock_;
  wait_queue waiters_;
};

}  // namespace weft
