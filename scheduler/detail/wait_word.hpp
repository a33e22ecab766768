// The word of a fiber on which all who could end its wait compete.
//
// One 64-bit atomic holds which wait this is (the epoch), how far it has got (the phase), whether cancellation may end it,
// and how it ended. A stale ticket carries an old epoch and loses. The fiber itself writes with plain stores: nobody else
// may change the word before the phase is `waiting`, and `preparing` is left within the fiber's own next switch, so a
// claimer that meets it spins for that moment. That keeps locked instructions off the waiting side; the waking side pays one.
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::detail {

class wait_word {
 public:
  // Begins a new wait and returns its epoch. Owner fiber.
  std::uint64_t prepare(bool cancellable) noexcept {
    const std::uint64_t epoch = (word_.load(std::memory_order_relaxed) >> epoch_shift) + 1;
    word_.store((epoch << epoch_shift) | (cancellable ? cancellable_bit : 0) | preparing, std::memory_order_relaxed);
    return epoch;
  }

  // Takes a wait back that never parked. Owner fiber.
  void abandon() noexcept { set_phase(idle); }

  // Between prepare() and what ends it. Owner fiber.
  [[nodiscard]] bool is_preparing() const noexcept {
    return (word_.load(std::memory_order_relaxed) & phase_mask) == preparing;
  }

  // From here claims succeed. Runs after the fiber's stack is out of use.
  void begin_waiting() noexcept { set_phase(waiting); }

  // The parked wait of this epoch ends with the given result, unless it has ended already; true if this call did it.
  bool claim(std::uint64_t epoch, wake result) noexcept {
    return claim_if(result, [epoch](std::uint64_t w) { return w >> epoch_shift == epoch; });
  }

  // Ends whatever wait is in progress, if cancellation may end it; true if this call did it.
  bool claim_for_cancellation() noexcept {
    return claim_if(wake::cancelled, [](std::uint64_t w) { return (w & cancellable_bit) != 0; });
  }

  // How the wait ended. Owner fiber, after it was resumed.
  [[nodiscard]] wake result() const noexcept {
    return static_cast<wake>((word_.load(std::memory_order_relaxed) >> result_shift) & 3);
  }

  // Of a word that was read from outside: the fiber's stack is out of use, and its wait has not ended.
  static constexpr bool is_waiting(std::uint64_t word) noexcept { return (word & phase_mask) == waiting; }
  static constexpr std::uint64_t epoch_of(std::uint64_t word) noexcept { return word >> epoch_shift; }

 private:
  friend struct observer;
  static constexpr std::uint64_t idle = 0;       // the fiber runs
  static constexpr std::uint64_t preparing = 1;  // it will wait; its tickets are out, its stack is still in use
  static constexpr std::uint64_t waiting = 2;    // its stack is out of use; whoever claims may resume it
  static constexpr std::uint64_t ended = 3;      // claimed: made ready by the claimer alone
  static constexpr std::uint64_t phase_mask = 3;
  static constexpr std::uint64_t cancellable_bit = 4;
  static constexpr int result_shift = 3;
  static constexpr int epoch_shift = 5;

  void set_phase(std::uint64_t phase) noexcept {
    word_.store((word_.load(std::memory_order_relaxed) & ~phase_mask) | phase, std::memory_order_release);
  }

  template <class Concerned>
  bool claim_if(wake result, Concerned concerned) noexcept {
    std::uint64_t w = word_.load(std::memory_order_acquire);
    for (spin_wait wait;;) {
      if (!concerned(w)) return false;
      const std::uint64_t phase = w & phase_mask;
      if (phase == preparing) {
        wait.pause();
        w = word_.load(std::memory_order_acquire);
        continue;
      }
      if (phase != waiting) return false;
      const std::uint64_t claimed = (w & ~phase_mask) | ended | (static_cast<std::uint64_t>(result) << result_shift);
      if (word_.compare_exchange_weak(w, claimed, std::memory_order_acq_rel, std::memory_order_acquire)) return true;
    }
  }

  std::atomic<std::uint64_t> word_{0};
};

}  // namespace weft::detail
