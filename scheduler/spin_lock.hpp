// A lock for critical sections of tens of nanoseconds. No owner is recorded: a fiber may take it on one stack and a release
// step may free it on another. Never held across a switch, a system call or anything that can block.
#pragma once

#include <sched.h>

#include <atomic>

namespace weft {

inline void spin_hint() noexcept { __builtin_ia32_pause(); }

// Between two looks at a word that another thread is about to change. Gives the processor away now and then: with more threads than CPUs
// that thread may be waiting for ours.
class spin_wait {
 public:
  void pause() noexcept {
    spin_hint();
    if (++rounds_ % 512 == 0) ::sched_yield();
  }

 private:
  unsigned rounds_ = 0;
};

class spin_lock {
 public:
  void lock() noexcept {
    while (held_.exchange(true, std::memory_order_acquire)) wait_until_free();
  }
  bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  void wait_until_free() const noexcept {
    spin_wait wait;
    while (held_.load(std::memory_order_relaxed)) wait.pause();
  }
  std::atomic<bool> held_{false};
};

}  // namespace weft
