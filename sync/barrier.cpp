#include <weft/sync/barrier.hpp>

#include <mutex>
#include <stdexcept>

#include <weft/scheduler/schedule_point.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft::detail {

namespace {
constexpr wait_kind barrier_wait{.name = "barrier", .threads_may_wait = true};
}

barrier_core::barrier_core(std::ptrdiff_t expected) : expected_(expected), missing_(expected) {
  if (expected < 0) throw std::invalid_argument("weft: a barrier expects a negative number");
}

barrier_core::~barrier_core() { expect_no_waiters(lock_, waiters_, barrier_wait.name, this); }

barrier_core::arrival barrier_core::arrive(std::ptrdiff_t n, bool drop) {
  if (n <= 0) throw std::invalid_argument("weft: less than one arrives at a barrier");
  schedule_point();
  const std::lock_guard guard(lock_);
  if (n > missing_) throw std::logic_error("weft: more arrive at a barrier than it expects");
  missing_ -= n;
  if (drop) --expected_;
  return {phase_, missing_ == 0};
}

void barrier_core::complete() noexcept {
  {
    const std::lock_guard guard(lock_);
    ++phase_;
    missing_ = expected_;
    waiters_.wake_all();
  }
  schedule_point();
}

// Nobody can have got beyond the next phase without the caller.
void barrier_core::wait(std::uint64_t phase) {
  check_cancelled();
  parker self(barrier_wait, this);
  lock_.lock();
  if (phase_ != phase) return lock_.unlock();
  if (waiters_.wait(self, lock_) == wake::cancelled) throw_cancelled();
}

barrier_statistics barrier_core::statistics() const noexcept {
  const std::lock_guard guard(lock_);
  return {missing_, phase_, waiters_.size()};
}

}  // namespace weft::detail
