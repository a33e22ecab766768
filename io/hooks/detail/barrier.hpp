// A pthread barrier that fibers and threads may meet at. The C library's has no attempt that does not wait, so this is another one, made in the same
// object where only this process uses it.
//
// Arrivals are numbered, so many make a round, and the last of a round lets all of it go (glibc numbers them, too): the next round may begin before everybody
// has left. Nobody touches the object once he has counted himself as gone, which is what its end waits for.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>

namespace weft::io::hooks {

class barrier {
 public:
  static void make(pthread_barrier_t& place, unsigned count) noexcept {
    ::new (static_cast<void*>(&place)) barrier(count);
  }
  static void make_none(pthread_barrier_t& place) noexcept { at(place).mark_ = 0; }
  // Null where it is the C library's.
  static barrier* find(pthread_barrier_t& place) noexcept { return at(place).mark_ == ours ? &at(place) : nullptr; }

  // `lot` is how the caller waits: lot.wait_while(word, still_waits), where the word changes before still_waits() does, and lot.wake_all(word),
  // which uses the address only.

  // Waits until the round is complete; true to one of each.
  template <class Lot>
  bool arrive(Lot lot) noexcept {
    const std::uint64_t number = arrived_.fetch_add(1, std::memory_order_acq_rel);
    const auto round = static_cast<std::uint32_t>(number / count_);
    const bool last = number % count_ == count_ - 1;
    if (last) {
      rounds_.fetch_add(1, std::memory_order_seq_cst);
      lot.wake_all(&rounds_);
    } else {
      lot.wait_while(rounds_, [this, round] {
        const std::uint32_t beyond = rounds_.load(std::memory_order_seq_cst) - round;
        return beyond == 0 || beyond > half;
      });
    }
    const std::atomic<std::uint32_t>* const gone = &gone_;
    gone_.fetch_add(1, std::memory_order_seq_cst);
    if (ending_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      lot.wake_all(gone);
    return last;
  }

  // 0, once those who are about to leave have left; EBUSY if others are still to come.
  template <class Lot>
  int end(Lot lot) noexcept {
    const std::uint64_t arrived = arrived_.load(std::memory_order_acquire);
    if (arrived % count_ != 0) return EBUSY;
    ending_.fetch_add(1, std::memory_order_seq_cst);
    lot.wait_while(gone_, [this, arrived] {
      return gone_.load(std::memory_order_seq_cst) != static_cast<std::uint32_t>(arrived);
    });
    ending_.fetch_sub(1, std::memory_order_relaxed);
    mark_ = 0;
    return 0;
  }

 private:
  static constexpr std::uint64_t ours = 0x7765'6674'6261'7272;
  static constexpr std::uint32_t half = 0x8000'0000;  // numbers of rounds come round

  explicit barrier(unsigned count) noexcept : count_(count) {}
  static barrier& at(pthread_barrier_t& place) noexcept { return *std::launder(reinterpret_cast<barrier*>(&place)); }

  static inline std::atomic<unsigned> ending_{0};  // ends that wait, of whichever barrier

  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<std::uint32_t> rounds_{0};  // that are complete
  std::atomic<std::uint32_t> gone_{0};
  const std::uint32_t count_;
  std::uint64_t mark_ = ours;  // where the C library's has nothing
};
static_assert(sizeof(barrier) <= sizeof(pthread_barrier_t) && alignof(barrier) <= alignof(pthread_barrier_t));

// For pthread_barrier_init(): the attributes and the count are for the real one to judge.
template <class Init>
int make_barrier(pthread_barrier_t& place, const pthread_barrierattr_t* attributes, unsigned count,
                 Init real_init) noexcept {
  barrier::make_none(place);
  if (const int error = real_init(&place, attributes, count)) return error;
  int shared = PTHREAD_PROCESS_PRIVATE;
  if (attributes != nullptr) ::pthread_barrierattr_getpshared(attributes, &shared);
  if (shared == PTHREAD_PROCESS_PRIVATE) barrier::make(place, count);
  return 0;
}

}  // namespace weft::io::hooks
