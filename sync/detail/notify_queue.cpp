#include <weft/sync/detail/notify_queue.hpp>

#include <mutex>

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
  if (queue_ != nullptr) static_cast<void>(leave());
}

wake notify_queue::waiter::wait(parker::time_point limit) noexcept {
  wake why = wake::cancelled;
  try {
    why = park(limit);
  } catch (const cancelled&) {  // before it parked
  }
  if (why == wake::signalled || !leave()) why = wake::signalled;
  queue_ = nullptr;
  return why;
}

// False if it was notified. Who was notified does not touch the queue again: it may be gone by then, as the standard allows. It is there as
// long as the waiter holds its own lock without having been notified.
bool notify_queue::waiter::leave() noexcept {
  for (spin_wait wait;; wait.pause()) {
    const std::lock_guard guard(own_);
    if (notified_) return false;
    if (!queue_->lock_.try_lock()) continue;
    queue_->waiters_.remove(*this);
    queue_->lock_.unlock();
    return true;
  }
}

wake notify_queue::waiter::park(parker::time_point limit) {
  parker self(condition_wait, queue_);
  own_.lock();
  if (notified_) {
    own_.unlock();
    return wake::signalled;
  }
  waiting_ = self.id();
  return self.park_until(limit, [this] { own_.unlock(); });
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

// Its frame may be gone once its lock is free.
void notify_queue::notify_first() noexcept {
  waiter& first = *waiters_.pop_front();
  first.own_.lock();
  const ticket waiting = first.waiting_;
  first.notified_ = true;
  first.own_.unlock();
  waiting.signal();
}

std::size_t notify_queue::size() const noexcept {
  const std::lock_guard guard(lock_);
  return waiters_.size();
}

}  // namespace weft::detail
