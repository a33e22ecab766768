// Where a worker's time goes. The owner says when it turns to something else; others read the sums, with what has passed since.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <weft/scheduler/detail/spin_lock.hpp>

namespace weft::detail {

enum class activity : std::uint8_t {
  running,    // fibers and tasks, and choosing among them
  searching,  // no work of its own: looks for some elsewhere
  asleep,     // in the driver's wait
};

class time_account {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using sums = std::array<std::chrono::nanoseconds, 3>;  // by activity

  // Owner only. What came before the first call counts nowhere.
  void enter(activity next, time_point now) noexcept {
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    const std::int64_t at = now.time_since_epoch().count();
    const std::int64_t since = since_.load(std::memory_order_relaxed);
    if (since != 0) {
      std::atomic<std::int64_t>& sum = sums_[current_.load(std::memory_order_relaxed)];
      sum.store(sum.load(std::memory_order_relaxed) + at - since, std::memory_order_release);
    }
    since_.store(at, std::memory_order_release);
    current_.store(static_cast<std::uint8_t>(next), std::memory_order_release);
    version_.store(version + 2, std::memory_order_release);
  }

  // Any thread. A sequence lock without fences: whoever reads a value of a later version sees that version, too.
  [[nodiscard]] sums read() const noexcept {
    for (spin_wait wait;; wait.pause()) {
      const std::uint64_t version = version_.load(std::memory_order_acquire);
      sums result;
      for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] = std::chrono::nanoseconds(sums_[i].load(std::memory_order_acquire));
      }
      const std::int64_t since = since_.load(std::memory_order_acquire);
      const std::uint8_t current = current_.load(std::memory_order_acquire);
      if (version % 2 != 0 || version_.load(std::memory_order_relaxed) != version) continue;
      if (since != 0) result[current] += std::chrono::steady_clock::now() - time_point(std::chrono::nanoseconds(since));
      return result;
    }
  }

 private:
  std::atomic<std::uint64_t> version_{0};  // odd while it is written
  std::atomic<std::int64_t> since_{0};
  std::atomic<std::uint8_t> current_{0};
  std::array<std::atomic<std::int64_t>, 3> sums_{};
};

}  // namespace weft::detail
