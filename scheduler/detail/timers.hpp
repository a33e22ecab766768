// Timers of one worker: a heap with four children a node, positions stored in the timers, so that cancelling is as cheap
// as moving a leaf. Locked, because a fiber may have moved to another worker since it set its timer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <weft/scheduler/detail/spin_lock.hpp>

namespace weft::detail {

class timer_heap;

// Stands in whatever waits for it. `fire` runs on some worker, outside any fiber; the timer cannot go away meanwhile, since cancelling
// waits for its end. The heap is not locked then: fire may have to wait for a fiber that is just setting a timer.
struct timer {
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  static constexpr std::size_t firing = static_cast<std::size_t>(-2);

  time_point when;
  void (*fire)(timer&) noexcept = nullptr;
  timer_heap* home = nullptr;
  std::size_t position = nowhere;  // guarded by the home's lock
};

class timer_heap {
 public:
  using time_point = timer::time_point;

  // Throws std::bad_alloc.
  void add(timer& t);
  // Takes the timer back unless it has fired. After it returns, the timer is not used any more. Any thread.
  static void cancel(timer& t) noexcept;
  // Fires all that are due; how many. Any thread.
  std::size_t fire_due(time_point now) noexcept;
  // When the next is due; time_point::max() when there is none. Any thread, a hint.
  [[nodiscard]] time_point next() const noexcept {
    return time_point(time_point::duration(next_.load(std::memory_order_relaxed)));
  }
  // Calls f(const timer&) for each that is set, locked: none fires or goes away meanwhile. Any thread.
  template <class F>
  void visit(F f) {
    lock_.lock();
    for (const timer* t : heap_) f(*t);
    lock_.unlock();
  }
  [[nodiscard]] bool empty() const noexcept { return next() == time_point::max(); }

 private:
  void place(timer* t, std::size_t position) noexcept;
  void sift_up(std::size_t position, timer* t) noexcept;
  void sift_down(std::size_t position, timer* t) noexcept;
  void remove(std::size_t position) noexcept;
  void publish_next() noexcept;

  spin_lock lock_;
  std::vector<timer*> heap_;
  std::atomic<time_point::rep> next_{time_point::max().time_since_epoch().count()};
};

}  // namespace weft::detail
