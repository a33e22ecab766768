// A fiber that waits for what comes from outside of weft: a signal, another library's thread. While there is one, no deadlock is suspected.
#pragma once

#include <atomic>

namespace weft::detail {

class outside_wait {
 public:
  outside_wait() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  ~outside_wait() { count_.fetch_sub(1, std::memory_order_relaxed); }
  outside_wait(const outside_wait&) = delete;
  outside_wait& operator=(const outside_wait&) = delete;

  // In the whole process.
  [[nodiscard]] static int count() noexcept { return count_.load(std::memory_order_relaxed); }
  // Those of the parent are none of the child's.
  static void after_fork_in_child() noexcept { count_.store(0, std::memory_order_relaxed); }

 private:
  static inline std::atomic<int> count_{0};
};

}  // namespace weft::detail
