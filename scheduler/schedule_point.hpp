// Where others may run although the caller does not wait: in seeded runs (testing.hpp), and where a fiber has had its worker for long.
#pragma once

#include <atomic>
#include <cstdint>

namespace weft {

namespace detail {
// Seeded runs in progress in this process.
extern std::atomic<unsigned> seeded_runs;
// These, the fibers that are asked to give way, and the scopes that are cancelled: while it is zero no operation has to look any further before
// it does its work.
extern std::atomic<unsigned> attention;
void switch_by_seed() noexcept;
void give_way_if_asked() noexcept;
}  // namespace detail

// For primitives and for code whose interleavings are to be explored: in a seeded run another fiber may run here, by the seed's
// choice. Anywhere else it does nothing and costs one comparison. No spin lock may be held, and no parker made that has not parked.
inline void schedule_point() noexcept {
  if (detail::attention.load(std::memory_order_relaxed) != 0) [[unlikely]]
    detail::switch_by_seed();
}

// The same at the beginning of an operation that may have to wait. There a fiber that has kept its worker for 10 ms, as the monitor saw, gives
// way as well, so that one whose operations never have to wait leaves others their turn. It may go on in another thread.
inline void turn_point() noexcept {
  if (detail::attention.load(std::memory_order_relaxed) != 0) [[unlikely]]
    detail::give_way_if_asked();
}

// A number below n, which is at least 1: by the seed in a seeded run, elsewhere at random (not for secrets). Any thread; some nanoseconds.
[[nodiscard]] std::uint32_t choose_below(std::uint32_t n) noexcept;

}  // namespace weft
