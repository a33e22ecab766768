#include <weft/sync/detail/notify_queue.hpp>

#include <mutex>
#include <utility>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft::detail {

namespace {
constexpr wait_kind condition_wait{.name = "condition variable", .threads_may_wait = true};
}

notify_queue::~notify_queue() { expect_no_waiters(lock_, waiters_, condition_wait.name, this); }

notify_queue::waiter::waiter(notify_queue& queue) noexcept : queue_(&queue) {
  const std::lock_guard guard(queue.lock_);
  queue.waiters_.push_back(*this);
}

notify_queue::waiter::~waiter() {
  if (queue_ == nullptr) return;
  const std::lock_guard guard(queue_->lock_);
  if (queued) queue_->waiters_.remove(*this);
}

// Who was notified does not touch the queue again: it may be gone by then, as the standard allows.
wake notify_queue::waiter::wait(parker::time_point limit) noexcept {
  wake why = wake::cancelled;
  try {
    why = park(limit);
  } catch (const cancelled&) {  // before it parked
  }
  notify_queue& queue = *std::exchange(queue_, nullptr);
  if (why == wake::signalled || notified_.load(std::memory_order_acquire)) return wake::signalled;
  const std::lock_guard guard(queue.lock_);
  if (!queued) return wake::signalled;
  queue.waiters_.remove(*this);
  return why;
}

wake notify_queue::waiter::park(parker::time_point limit) {
  parker self(condition_wait, queue_);
  spin_lock& lock = queue_->lock_;
  lock.lock();
  if (notified_.load(std::memory_order_relaxed)) {
    lock.unlock();
    return wake::signalled;
  }
  waiting_ = self.id();
  return self.park_until(limit, [&lock] { lock.unlock(); });
}

void notify_queue::notify_one() noexcept {
  {
    const std::lock_guard guard(lock_);
    if (!waiters_.empty()) notify_first();
  }
  schedule_point();
}

void notify_queue::notify_all() noexcept {
  {
    const std::lock_guard guard(lock_);
    while (!waiters_.empty()) notify_first();
  }
  schedule_point();
}

// Its frame may be gone once it is marked.
void notify_queue::notify_first() noexcept {
  waiter& first = *waiters_.pop_front();
  const ticket waiting = first.waiting_;
  first.notified_.store(true, std::memory_order_release);
  waiting.signal();
}

std::size_t notify_queue::size() const noexcept {
  const std::lock_guard guard(lock_);
  return waiters_.size();
}

}  // namespace weft::detail
