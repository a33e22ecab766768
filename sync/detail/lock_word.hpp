// The word of a mutex: who takes it while nobody waits touches nothing else.
//
// Its low bit says that it is held, the next one that whoever unlocks must look at the queue, as in Ulrich Drepper's "Futexes Are Tricky". Only a
// thread that holds the queue's lock sets that one, and only while the other is set: thus the unlock comes to the queue's lock after it, and no
// waiter is forgotten. An unlock takes its bit away by a subtraction, the cheapest of the locked instructions; if the other one stays, the
// mutex still belongs to that unlock, until it has looked at the queue: nobody takes it, uses it and destroys it meanwhile. As long as one
// who was woken is on its way to take the mutex, nobody needs to be looked after, and the word is as if nobody waited.
// A model checks it: tests/models/lock_word.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace weft::detail {

class lock_word {
 public:
  enum class end : std::uint8_t { released, must_look, was_not_held };

  // ---- without the queue's lock
  bool try_take() noexcept {
    std::uint32_t expected = unlocked;
    return word_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }
  // If it must look, what follows is done under the queue's lock and ends in hold(), for the next holder, or release(). If it was not held, release()
  // mends it.
  end give_up() noexcept {
    const std::uint32_t before = word_.fetch_sub(held, std::memory_order_release);
    if (before == held) [[likely]]
      return end::released;
    return (before & held) != 0 ? end::must_look : end::was_not_held;
  }
  [[nodiscard]] bool is_free() const noexcept { return word_.load(std::memory_order_relaxed) == unlocked; }

  // ---- under the queue's lock
  // Takes it, or says that there will be somebody in the queue.
  bool take_or_contend() noexcept {
    std::uint32_t w = word_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint32_t to = w == unlocked ? held : w | look;
      if (word_.compare_exchange_weak(w, to, std::memory_order_acquire, std::memory_order_relaxed))
        return w == unlocked;
    }
  }
  // For the holder, this one or the next: whether the unlock is to look at the queue.
  void hold(bool contended) noexcept { word_.store(contended ? held | look : held, std::memory_order_relaxed); }
  void release() noexcept { word_.store(unlocked, std::memory_order_release); }

 private:
  static constexpr std::uint32_t unlocked = 0, held = 1, look = 2;
  std::atomic<std::uint32_t> word_{unlocked};
};

}  // namespace weft::detail
