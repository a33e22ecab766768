#include <weft/sync/event.hpp>

#include <mutex>

#include <weft/scheduler/schedule_point.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft {

namespace {
constexpr wait_kind event_wait{.name = "event", .threads_may_wait = true};
}

event::~event() { detail::expect_no_waiters(lock_, waiters_, event_wait.name, this); }

void event::set() noexcept {
  {
    std::lock_guard guard(lock_);
    set_.store(true, std::memory_order_release);
    waiters_.wake_all();
  }
  schedule_point();
}

// A fiber that was told to stop is told so even if the event has been set meanwhile: there is no result to lose.
bool event::wait_to(parker::time_point limit) {
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

event_statistics event::statistics() const noexcept {
  const std::lock_guard guard(lock_);
  return {is_set(), waiters_.size()};
}

}  // namespace weft
