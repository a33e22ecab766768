// Sleeping in the kernel until a word changes (futex(2)); private to the process.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace weft::detail {

using futex_word = std::atomic<std::uint32_t>;
static_assert(sizeof(futex_word) == 4);

// Sleeps while the word has that value, until the limit (time_point::max(): none); may return early. steady_clock is CLOCK_MONOTONIC, which
// FUTEX_WAIT_BITSET takes as an absolute time.
inline void futex_wait(const futex_word& word, std::uint32_t value,
                       std::chrono::steady_clock::time_point limit) noexcept {
  const auto ns = limit.time_since_epoch().count();
  const timespec until{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  const bool limited = limit != std::chrono::steady_clock::time_point::max();
  ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, limited ? &until : nullptr, nullptr,
            FUTEX_BITSET_MATCH_ANY);
}

inline void futex_wake_one(const futex_word& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
}

}  // namespace weft::detail
