#include <weft/scheduler/detail/futex_driver.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace weft::detail {

namespace {

// steady_clock is CLOCK_MONOTONIC, which FUTEX_WAIT_BITSET takes as an absolute time.
timespec to_timespec(driver::time_point when) noexcept {
  const auto ns = when.time_since_epoch().count();
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

const char futex_kind = 0;

}  // namespace

void futex_driver::wait(time_point until) noexcept {
  if (interrupted_.load(std::memory_order_acquire) == 0) {
    const timespec limit = to_timespec(until);
    ::syscall(SYS_futex, &interrupted_, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0,
              until == time_point::max() ? nullptr : &limit, nullptr, FUTEX_BITSET_MATCH_ANY);
  }
  interrupted_.store(0, std::memory_order_seq_cst);
}

void futex_driver::interrupt() noexcept {
  if (interrupted_.exchange(1, std::memory_order_seq_cst) == 0) {
    ::syscall(SYS_futex, &interrupted_, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
  }
}

const void* futex_driver::kind() const noexcept { return &futex_kind; }

}  // namespace weft::detail
