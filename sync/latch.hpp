// A count that goes down to zero once, and those who wait for that.
//
// For work whose parts do not end as tasks of one group do: for those the group's join is the better way. Counting down costs one compare-and-swap.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>

#include <weft/sync/wait_queue.hpp>

namespace weft {

struct latch_statistics {
  std::ptrdiff_t count = 0;  // still to come
  std::size_t waiters = 0;   // now
};

// As std::latch, for fibers and threads. What was done before a count_down() is seen after wait(). May be destroyed as soon as a wait has returned.
class latch {
 public:
  // Throws std::invalid_argument if negative.
  explicit latch(std::ptrdiff_t count);
  // Nobody may wait: ends the process otherwise.
  ~latch();
  latch(const latch&) = delete;
  latch& operator=(const latch&) = delete;

  [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return std::numeric_limits<std::ptrdiff_t>::max(); }

  // Never parks. Throws std::invalid_argument for a negative number, std::logic_error for one above what is left; then nothing has changed.
  void count_down(std::ptrdiff_t n = 1);
  [[nodiscard]] bool try_wait() const noexcept { return count_.load(std::memory_order_acquire) == 0; }
  // Parks until the count is zero. A cancellation point, on entry too; throws `cancelled`.
  void wait();
  // What is counted stays counted when the wait is cancelled.
  void arrive_and_wait(std::ptrdiff_t n = 1) {
    count_down(n);
    wait();
  }

  [[nodiscard]] latch_statistics statistics() const noexcept;

 private:
  void count_to_zero(std::ptrdiff_t n);

  std::atomic<std::ptrdiff_t> count_;
  mutable wait_queue::lock_type lock_;
  wait_queue waiters_;
};

}  // namespace weft
