// Which of the process's threads are weft's own. A deadlock is certain only if there are no others that could wake a fiber.
#pragma once

#include <atomic>

namespace weft::detail {

// Stands in the function of each thread that weft starts and that wakes fibers at most on behalf of fibers: workers, helpers of blocking(),
// the monitor. Not in one that waits for events from outside.
class own_thread {
 public:
  own_thread() noexcept {
    count_.fetch_add(1, std::memory_order_relaxed);
    mark(true);
  }
  ~own_thread() {
    mark(false);
    count_.fetch_sub(1, std::memory_order_relaxed);
  }
  own_thread(const own_thread&) = delete;
  own_thread& operator=(const own_thread&) = delete;

  [[nodiscard]] static int count() noexcept { return count_.load(std::memory_order_relaxed); }
  // True if the calling thread is one.
  [[nodiscard]] static bool is_current() noexcept;
  // The child of a fork() has the calling thread only.
  static void after_fork_in_child() noexcept { count_.store(is_current() ? 1 : 0, std::memory_order_relaxed); }

 private:
  static void mark(bool own) noexcept;
  static inline std::atomic<int> count_{0};
};

// Threads of the program that wait in run(), which wake nobody either. Counted from when the function is where workers see it, until a worker
// has ended it: so one that is not back yet counts as able to wake others again.
class waiting_threads {
 public:
  static void begin() noexcept { count_.fetch_add(1, std::memory_order_seq_cst); }
  static void end() noexcept { count_.fetch_sub(1, std::memory_order_seq_cst); }
  [[nodiscard]] static int count() noexcept { return count_.load(std::memory_order_seq_cst); }
  static void after_fork_in_child() noexcept { count_.store(0, std::memory_order_relaxed); }

 private:
  static inline std::atomic<int> count_{0};
};

// How many threads of the process are neither. Takes about 10 us a thread; -1 where /proc is not mounted.
[[nodiscard]] int foreign_threads() noexcept;

}  // namespace weft::detail
