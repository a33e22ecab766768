#include <weft/sync/mutex.hpp>

#include <cstddef>
#include <mutex>

#include <weft/scheduler/schedule_point.hpp>

namespace weft {

bool mutex::try_lock() noexcept {
  unsigned char expected = unlocked;
  if (!state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, std::memory_order_relaxed))
    return false;
  note_holder();
  return true;
}

void mutex::lock() {
  schedule_point();
  if (!try_lock()) lock_slowly();
}

// A woken fiber competes again, and takes the mutex as contended, since others may wait behind it. It does so before anything can
// throw: a wake that nobody answers would leave the others asleep beside a free mutex.
void mutex::lock_slowly() {
  static constexpr wait_kind kind{.name = "mutex", .holder_at = offsetof(mutex, holder_), .threads_may_wait = true};
  for (;;) {
    parker self(kind, this);
    lock_.lock();
    if (take_contended()) {
      lock_.unlock();
      return;
    }
    if (waiters_.wait(self, lock_) == wake::cancelled) throw_cancelled();
    if (take_contended()) return;
  }
}

bool mutex::take_contended() noexcept {
  if (state_.exchange(contended, std::memory_order_acquire) != unlocked) return false;
  note_holder();
  return true;
}

void mutex::unlock() noexcept {
  holder_.store(nullptr, std::memory_order_relaxed);
  if (state_.exchange(unlocked, std::memory_order_release) == contended) {
    std::lock_guard guard(lock_);
    waiters_.wake_one();
  }
  schedule_point();
}

}  // namespace weft
