// Asymmetric fences: the frequent side pays nothing, the rare side pays for both.
//
// Two threads that each store to one word and then load the other's need a full fence between store and load, or both may
// miss. Where one side runs a thousand times more often (pushing work against falling asleep, starting a wait against
// cancelling a scope), it uses light_fence(), a compiler barrier; the rare side uses heavy_fence(), which makes the kernel
// run a barrier on every thread of the process (membarrier(2), a few microseconds). Where the kernel refuses membarrier both are
// ordinary sequentially consistent fences.
#pragma once

#include <atomic>

namespace weft::detail {

extern std::atomic<bool> membarrier_available;

// Registers the process with the kernel; before the first worker starts. Idempotent.
void prepare_fences() noexcept;

inline void light_fence() noexcept {
  if (membarrier_available.load(std::memory_order_relaxed)) [[likely]] {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

void heavy_fence() noexcept;

}  // namespace weft::detail
