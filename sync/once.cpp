#include <weft/sync/once.hpp>

#include <cstddef>
#include <mutex>
#include <system_error>

#include <weft/scheduler/caller.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft {

once_flag::~once_flag() { detail::expect_no_waiters(lock_, waiters_, "once_flag", this); }

bool once_flag::begin() {
  static constexpr wait_kind kind{
      .name = "call_once", .holder_at = offsetof(once_flag, holder_), .threads_may_wait = true};
  turn_point();
  if (is_on_callers_stack(holder_.load(std::memory_order_relaxed))) {
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                            "weft: call_once is called again by the function that it calls");
  }
  for (;;) {
    parker self(kind, this);
    lock_.lock();
    const state s = state_.load(std::memory_order_acquire);
    if (s != state::running) {
      if (s == state::open) {
        state_.store(state::running, std::memory_order_relaxed);
        holder_.store(__builtin_frame_address(0), std::memory_order_relaxed);
      }
      lock_.unlock();
      return s == state::open;
    }
    if (waiters_.wait(self, lock_) == wake::cancelled) throw_cancelled();
  }
}

// All are woken after a failure, too: one of them may be cancelled before it has tried.
void once_flag::end(state s) noexcept {
  {
    const std::lock_guard guard(lock_);
    holder_.store(nullptr, std::memory_order_relaxed);
    state_.store(s, std::memory_order_release);
    waiters_.wake_all();
  }
  schedule_point();
}

once_statistics once_flag::statistics() const noexcept {
  const std::lock_guard guard(lock_);
  return {state_.load(std::memory_order_relaxed) == state::done, waiters_.size()};
}

}  // namespace weft
