#include <weft/sync/detail/semaphore_core.hpp>

#include <mutex>

#include <weft/scheduler/schedule_point.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft::detail {

semaphore_core::~semaphore_core() { expect_no_waiters(lock_, waiters_, kind_.name, this); }

bool semaphore_core::acquire(parker::time_point limit) {
  cancellation_point();
  if (word_.try_take()) return true;
  parker self(kind_, this);
  lock_.lock();
  if (word_.take_or_wait()) {
    lock_.unlock();
    return true;
  }
  const wake why = waiters_.wait(self, lock_, limit);
  if (why == wake::cancelled) throw_cancelled();
  return why == wake::signalled;
}

bool semaphore_core::release(std::ptrdiff_t permits, std::ptrdiff_t most) noexcept {
  permit_word::gift given = word_.try_give(permits, most);
  bool done = given == permit_word::gift::done;
  while (given == permit_word::gift::somebody_waits) {
    const std::lock_guard guard(lock_);
    if (word_.somebody_waits()) {
      done = release_to_waiters(permits, most);
      break;
    }
    given = word_.try_give(permits, most);
    done = given == permit_word::gift::done;
  }
  schedule_point();
  return done;
}

// The wake is the permit: who is cancelled or timed out has not been woken, and the next one gets it.
bool semaphore_core::release_to_waiters(std::ptrdiff_t permits, std::ptrdiff_t most) noexcept {
  if (permits - static_cast<std::ptrdiff_t>(waiters_.size()) > most) return false;
  while (permits > 0 && waiters_.wake_one()) --permits;
  if (waiters_.empty()) word_.end_waiting(permits);
  return true;
}

std::size_t semaphore_core::waiters() const noexcept {
  const std::lock_guard guard(lock_);
  return waiters_.size();
}

}  // namespace weft::detail
