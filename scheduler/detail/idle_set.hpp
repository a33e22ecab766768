// Which workers sleep, and how many are looking for work. At most one searcher is woken at a time; a searcher that finds work
// wakes the next. So a burst of spawns costs one wake-up (an inter-processor interrupt, about 7 us) and not one a task.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace weft::detail {

class idle_set {
 public:
  static constexpr unsigned capacity = 256;

  // The cheap look of those who just made work: is anybody asleep while nobody searches? Plain loads; pairs with the heavy fence
  // that a worker runs between add() and its last look at the queues.
  [[nodiscard]] bool wants_wake() const noexcept {
    return sleepers_.load(std::memory_order_relaxed) != 0 && searchers_.load(std::memory_order_relaxed) == 0;
  }

  void add(unsigned worker) noexcept {
    word(worker).fetch_or(bit(worker), std::memory_order_seq_cst);
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
  }

  // False if a waker has claimed the worker meanwhile: then it was counted as a searcher by claim_one().
  bool remove(unsigned worker) noexcept {
    if ((word(worker).fetch_and(~bit(worker), std::memory_order_seq_cst) & bit(worker)) == 0) return false;
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    return true;
  }

  // Claims a sleeper to become the only searcher; -1 if there is none, or a searcher already.
  int claim_one() noexcept {
    do {
      int nobody = 0;
      if (!searchers_.compare_exchange_strong(nobody, 1, std::memory_order_seq_cst)) return -1;
      for (unsigned w = 0; w < words_.size(); ++w) {
        for (std::uint64_t bits = words_[w].load(std::memory_order_seq_cst); bits != 0; bits &= bits - 1) {
          const unsigned worker = w * 64 + static_cast<unsigned>(std::countr_zero(bits));
          if (remove(worker)) return static_cast<int>(worker);
        }
      }
      // While we counted as a searcher, others did not wake anybody: whoever has fallen asleep meanwhile is for us to wake.
      searchers_.fetch_sub(1, std::memory_order_seq_cst);
    } while (sleepers_.load(std::memory_order_seq_cst) != 0);
    return -1;
  }

  void begin_search() noexcept { searchers_.fetch_add(1, std::memory_order_seq_cst); }
  // True if the caller was the last searcher.
  bool end_search() noexcept { return searchers_.fetch_sub(1, std::memory_order_seq_cst) == 1; }

  [[nodiscard]] bool contains(unsigned worker) const noexcept {
    return (words_[worker / 64].load(std::memory_order_relaxed) & bit(worker)) != 0;
  }
  [[nodiscard]] unsigned sleepers() const noexcept { return sleepers_.load(std::memory_order_seq_cst); }

 private:
  static constexpr std::uint64_t bit(unsigned worker) noexcept { return std::uint64_t{1} << (worker % 64); }
  std::atomic<std::uint64_t>& word(unsigned worker) noexcept { return words_[worker / 64]; }

  alignas(128) std::atomic<unsigned> sleepers_{0};
  alignas(128) std::atomic<int> searchers_{0};
  alignas(128) std::array<std::atomic<std::uint64_t>, capacity / 64> words_{};
};

}  // namespace weft::detail
