#include <weft/sync/mutex.hpp>

#include <mutex>

namespace weft {

bool mutex::try_lock() noexcept {
  unsigned char expected = unlocked;
  return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, std::memory_order_relaxed);
}

void mutex::lock() {
  if (!try_lock()) lock_slowly();
}

// A woken fiber competes again, and takes the mutex as contended, since others may wait behind it. It does so before anything can
// throw: a wake that nobody answers would leave the others asleep beside a free mutex.
void mutex::lock_slowly() {
  for (;;) {
    parker self;
    lock_.lock();
    if (take_contended()) {
      lock_.unlock();
      return;
    }
    if (waiters_.wait(self, lock_) == wake::cancelled) throw_cancelled();
    if (take_contended()) return;
  }
}

bool mutex::take_contended() noexcept { return state_.exchange(contended, std::memory_order_acquire) == unlocked; }

void mutex::unlock() noexcept {
  if (state_.exchange(unlocked, std::memory_order_release) != contended) return;
  std::lock_guard guard(lock_);
  waiters_.wake_one();
}

}  // namespace weft
