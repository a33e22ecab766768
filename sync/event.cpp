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
  cancellation_point();
  if (is_set()) return true;
  wake why{};
  {
    parker self(event_wait, this);
    lock_.lock();
    if (is_set()) {
      lock_.unlock();
      return true;
    }
    why = waiters_.wait(self, lock_, limit);
  }
  if (why == wake::cancelled)
    throw_cancelled();  // with nothing to destroy on the way, which would cost a second search
  return why == wake::signalled || is_set();
}

event_statistics event::statistics() const noexcept {
  const std::lock_guard guard(lock_);
  return {is_set(), waiters_.size()};
}

}  // namespace weft
