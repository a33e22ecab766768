// The bounded queue of fibers that can run, one a worker: the owner pushes at the tail, everyone takes at the head. The idea is
// that of Go's per-processor run queue (runqput, runqgrab): overflow moves half to the global queue, thieves take half.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

namespace weft::detail {

struct fiber;

class ready_ring {
 public:
  static constexpr std::uint32_t capacity = 256;
  using batch = std::array<fiber*, capacity>;

  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_relaxed);
  }

  // Owner only; false when full.
  bool push(fiber* f) noexcept {
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head >= capacity) [[unlikely]]
      return false;
    at(tail).store(f, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Owner only: the oldest, or nullptr.
  fiber* pop() noexcept {
    std::uint32_t head = head_.load(std::memory_order_acquire);
    while (tail_.load(std::memory_order_relaxed) != head) {
      fiber* f = at(head).load(std::memory_order_relaxed);
      if (head_.compare_exchange_strong(head, head + 1, std::memory_order_acq_rel, std::memory_order_acquire)) return f;
    }
    return nullptr;
  }

  // Any thread: takes half (at least one) of what is there into `out`; how many.
  std::uint32_t take_half(batch& out) noexcept {
    std::uint32_t head = head_.load(std::memory_order_acquire);
    const std::uint32_t size = tail_.load(std::memory_order_acquire) - head;
    if (size == 0 || size > capacity) return 0;  // more than capacity: head moved between the two loads
    const std::uint32_t n = size - size / 2;
    for (std::uint32_t i = 0; i < n; ++i) out[i] = at(head + i).load(std::memory_order_relaxed);
    if (!head_.compare_exchange_strong(head, head + n, std::memory_order_acq_rel, std::memory_order_relaxed)) return 0;
    return n;
  }

 private:
  std::atomic<fiber*>& at(std::uint32_t index) noexcept { return slots_[index % capacity]; }

  alignas(128) std::atomic<std::uint32_t> head_{0};
  alignas(128) std::atomic<std::uint32_t> tail_{0};
  std::array<std::atomic<fiber*>, capacity> slots_{};
};

}  // namespace weft::detail
