// Every runtime of the process, and every fiber of a runtime that may run a task: what a dump and a debugger go through.
#pragma once

#include <cstdint>
#include <mutex>

namespace weft::detail {

struct fiber;
class runtime_core;

// The fibers of one runtime. Hosts enter when their stack is made and stay until the runtime ends, so that a spawn costs nothing here.
class fiber_list {
 public:
  // Gives it its number. This and the next never wait in the kernel: they are called in the midst of a switch.
  void add(fiber& f) noexcept;
  void remove(fiber& f) noexcept;

  // While locked, none comes or goes.
  [[nodiscard]] std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }
  [[nodiscard]] fiber* first() const noexcept { return first_; }

 private:
  friend struct observer;
  mutable std::mutex mutex_;
  fiber* first_ = nullptr;
};

class runtime_list {
 public:
  static void add(runtime_core& runtime) noexcept;
  // Waits until nobody looks at it any more.
  static void remove(runtime_core& runtime) noexcept;

  // While locked, none begins or ends. Never taken on the way to a switch.
  [[nodiscard]] static std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  [[nodiscard]] static std::unique_lock<std::mutex> try_lock() { return std::unique_lock(mutex_, std::try_to_lock); }
  // The child of a fork() has none of its parent's.
  static void before_fork() noexcept { mutex_.lock(); }
  static void after_fork_in_parent() noexcept { mutex_.unlock(); }
  static void after_fork_in_child() noexcept {
    first_ = nullptr;
    mutex_.unlock();
  }

  // Linked by next_runtime; the youngest first.
  [[nodiscard]] static runtime_core* first() noexcept { return first_; }

 private:
  friend struct observer;
  static inline std::mutex mutex_;
  static inline runtime_core* first_ = nullptr;
};

}  // namespace weft::detail
