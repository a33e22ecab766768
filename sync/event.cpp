#include <weft/sync/event.hpp>

#include <mutex>

#include <weft/scheduler/schedule_point.hpp>

namespace weft {

namespace {
constexpr wait_kind event_wait{.name = "event", .threads_may_wait = true};
}

void event::set() noexcept {
  {
    std::lock_guard guard(lock_);
    set_.store(true, std::memory_order_release);
    waiters_.wake_all();
  }
  schedule_point();
}

void event::reset() noexcept { set_.store(false, std::memory_order_release); }

void event::wait() { wait_until(parker::time_point::max()); }

bool event::wait_for(std::chrono::nanoseconds limit) { return wait_until(parker::from_now(limit)); }

// A fiber that was told to stop is told so even if the event has been set meanwhile: there is no result to lose.
bool event::wait_until(parker::time_point limit) {
  check_cancelled();
  if (is_set()) return true;
  parker self(event_wait, this);
  lock_.lock();
  if (is_set()) {
    lock_.unlock();
    return true;
  }
  switch (waiters_.wait(self, lock_, limit)) {
    case wake::signalled:
      return true;
    case wake::timed_out:
      return is_set();
    case wake::cancelled:
      throw_cancelled();
  }
  return false;
}

}  // namespace weft
