// Where a seeded run (testing.hpp) may let other fibers go first although the caller does not wait.
#pragma once

#include <atomic>
#include <cstdint>

namespace weft {

namespace detail {
// Seeded runs in progress in this process.
extern std::atomic<unsigned> seeded_runs;
void switch_by_seed() noexcept;
}  // namespace detail

// For primitives and for code whose interleavings are to be explored: in a seeded run another fiber may run here, by the seed's
// choice. Anywhere else it does nothing and costs one comparison. No spin lock may be held, and no parker made that has not parked.
inline void schedule_point() noexcept {
  if (detail::seeded_runs.load(std::memory_order_relaxed) != 0) [[unlikely]]
    detail::switch_by_seed();
}

// A number below n, which is at least 1: by the seed in a seeded run, elsewhere at random (not for secrets). Any thread; some nanoseconds.
[[nodiscard]] std::uint32_t choose_below(std::uint32_t n) noexcept;

}  // namespace weft
