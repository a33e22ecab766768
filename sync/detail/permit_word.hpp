// The word of a semaphore: how many permits are free, and whether somebody waits.
//
// While somebody waits no permit is free: whoever releases gives permits to those who wait, under the queue's lock, and only what is left becomes free.
// So nobody overtakes, and the word changes without the lock only while nobody waits. A model checks it: tests/models/permit_word.cpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weft::detail {

class permit_word {
 public:
  explicit permit_word(std::ptrdiff_t permits) noexcept : word_(of(permits)) {}

  enum class gift : std::uint8_t { done, too_many, somebody_waits };

  // ---- without the queue's lock
  bool try_take() noexcept {
    std::int64_t w = word_.load(std::memory_order_relaxed);
    while (w >= one) {
      if (word_.compare_exchange_weak(w, w - one, std::memory_order_acquire, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  // Makes so many free, if no more than `most` are then.
  gift try_give(std::ptrdiff_t permits, std::ptrdiff_t most) noexcept {
    std::int64_t w = word_.load(std::memory_order_relaxed);
    do {
      if ((w & waiting) != 0) return gift::somebody_waits;
      if (permits > most - w / one) return gift::too_many;
    } while (!word_.compare_exchange_weak(w, w + of(permits), std::memory_order_release, std::memory_order_relaxed));
    return gift::done;
  }
  [[nodiscard]] std::ptrdiff_t permits() const noexcept { return word_.load(std::memory_order_relaxed) / one; }

  // ---- under the queue's lock
  // Takes one, or says that somebody waits.
  bool take_or_wait() noexcept {
    std::int64_t w = word_.load(std::memory_order_relaxed);
    for (;;) {
      const bool takes = w >= one;
      const std::int64_t to = takes ? w - one : waiting;
      if (word_.compare_exchange_weak(w, to, std::memory_order_acquire, std::memory_order_relaxed)) return takes;
    }
  }
  [[nodiscard]] bool somebody_waits() const noexcept { return (word_.load(std::memory_order_relaxed) & waiting) != 0; }
  // Nobody waits any more, and so many are free. Only where somebody_waits().
  void end_waiting(std::ptrdiff_t permits) noexcept { word_.store(of(permits), std::memory_order_release); }

 private:
  static constexpr std::int64_t waiting = 1, one = 2;
  static constexpr std::int64_t of(std::ptrdiff_t permits) noexcept { return static_cast<std::int64_t>(permits) * one; }
  std::atomic<std::int64_t> word_;
};

}  // namespace weft::detail
