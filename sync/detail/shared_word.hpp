// The word of a shared_mutex: who is inside, and whether somebody waits.
//
// While somebody waits nobody enters by himself: those who wait are let in, under the queue's lock, by whoever makes room. The last one out, too, takes that lock
// first, and leaves and lets others in as one step. A model checks it: tests/models/shared_word.cpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weft::detail {

class shared_word {
 public:
  // ---- without the queue's lock
  bool try_enter() noexcept {
    std::uint64_t expected = 0;
    return word_.compare_exchange_strong(expected, writer, std::memory_order_acquire, std::memory_order_relaxed);
  }
  bool try_enter_shared() noexcept {
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    while ((w & (writer | waiting)) == 0) {
      if (word_.compare_exchange_weak(w, w + reader, std::memory_order_acquire, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  // False if others are to be let in, or it is not held so.
  bool try_leave() noexcept {
    std::uint64_t expected = writer;
    return word_.compare_exchange_strong(expected, 0, std::memory_order_release, std::memory_order_relaxed);
  }
  bool try_leave_shared() noexcept {
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    while (w >= reader && (w / reader > 1 || (w & waiting) == 0)) {
      if (word_.compare_exchange_weak(w, w - reader, std::memory_order_release, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  [[nodiscard]] bool has_writer() const noexcept { return (word_.load(std::memory_order_relaxed) & writer) != 0; }
  [[nodiscard]] std::size_t readers() const noexcept { return word_.load(std::memory_order_relaxed) / reader; }

  // ---- under the queue's lock
  // Enters, or says that somebody waits.
  bool enter_or_wait() noexcept {
    return change([](std::uint64_t w) { return w == 0 ? writer : w | waiting; }) == 0;
  }
  bool enter_shared_or_wait() noexcept {
    const auto may = [](std::uint64_t w) { return (w & (writer | waiting)) == 0; };
    return may(change([may](std::uint64_t w) { return may(w) ? w + reader : w | waiting; }));
  }
  void leave() noexcept { word_.fetch_and(~writer, std::memory_order_release); }
  void leave_shared() noexcept { word_.fetch_sub(reader, std::memory_order_release); }
  // On behalf of those who wait; whoever was inside is out for good.
  void admit_writer() noexcept { word_.fetch_or(writer, std::memory_order_acq_rel); }
  void admit_readers(std::size_t n) noexcept { word_.fetch_add(n * reader, std::memory_order_acq_rel); }
  void end_waiting() noexcept { word_.fetch_and(~waiting, std::memory_order_release); }

 private:
  static constexpr std::uint64_t writer = 1, waiting = 2, reader = 4;

  template <class F>
  std::uint64_t change(F f) noexcept {
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(w, f(w), std::memory_order_acquire, std::memory_order_relaxed)) {
    }
    return w;
  }

  std::atomic<std::uint64_t> word_{0};
};

}  // namespace weft::detail
