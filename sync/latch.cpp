#include <weft/sync/latch.hpp>

#include <mutex>
#include <stdexcept>

#include <weft/scheduler/schedule_point.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft {

namespace {

constexpr wait_kind latch_wait{.name = "latch", .threads_may_wait = true};

std::ptrdiff_t not_negative(std::ptrdiff_t n) {
  if (n < 0) throw std::invalid_argument("weft: a latch is given a negative number");
  return n;
}

}  // namespace

latch::latch(std::ptrdiff_t count) : count_(not_negative(count)) {}

latch::~latch() { detail::expect_no_waiters(lock_, waiters_, latch_wait.name, this); }

// The last step to zero is made under the lock: whoever sees zero may destroy the latch, and the destructor takes the lock.
void latch::count_down(std::ptrdiff_t n) {
  not_negative(n);
  std::ptrdiff_t before = count_.load(std::memory_order_relaxed);
  while (before > n) {
    if (count_.compare_exchange_weak(before, before - n, std::memory_order_acq_rel, std::memory_order_relaxed)) break;
  }
  if (before <= n && n > 0) count_to_zero(n);
  schedule_point();
}

// Others may have counted meanwhile, but not upwards.
void latch::count_to_zero(std::ptrdiff_t n) {
  const std::lock_guard guard(lock_);
  if (count_.load(std::memory_order_relaxed) < n) throw std::logic_error("weft: a latch is counted down below zero");
  count_.fetch_sub(n, std::memory_order_acq_rel);
  waiters_.wake_all();
}

void latch::wait() {
  cancellation_point();
  if (try_wait()) return;
  parker self(latch_wait, this);
  lock_.lock();
  if (try_wait()) return lock_.unlock();
  if (waiters_.wait(self, lock_) == wake::cancelled) throw_cancelled();
}

latch_statistics latch::statistics() const noexcept {
  const std::lock_guard guard(lock_);
  return {count_.load(std::memory_order_relaxed), waiters_.size()};
}

}  // namespace weft
