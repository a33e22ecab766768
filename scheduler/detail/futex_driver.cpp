#include <weft/scheduler/detail/futex_driver.hpp>

#include <weft/scheduler/detail/futex.hpp>

namespace weft::detail {

namespace {

const char futex_kind = 0;

}  // namespace

void futex_driver::wait(time_point until) noexcept {
  if (interrupted_.load(std::memory_order_acquire) == 0) futex_wait(interrupted_, 0, until);
  interrupted_.store(0, std::memory_order_seq_cst);
}

void futex_driver::interrupt() noexcept {
  if (interrupted_.exchange(1, std::memory_order_seq_cst) == 0) futex_wake_one(interrupted_);
}

const void* futex_driver::kind() const noexcept { return &futex_kind; }

}  // namespace weft::detail
