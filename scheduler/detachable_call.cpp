#include <weft/scheduler/detachable_call.hpp>

#include <atomic>
#include <mutex>

#include <weft/scheduler/detail/blocking_pool.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

namespace {
constexpr wait_kind detachable_wait{"a call on a helper thread, which may be left behind"};
}  // namespace

void detachable_call::start() {
  check_cancelled();
  invoke = &invoke_on_helper;
  started_ = true;
  try {
    detail::this_worker()->runtime().blocking.submit(*this);
  } catch (...) {
    started_ = false;
    throw;
  }
}

// Whoever signals does so under the lock: when the waiter has it again nobody is about to touch the fiber, or the call.
void detachable_call::wait() {
  parker self(detachable_wait);
  lock_.lock();
  if (ended_) {
    lock_.unlock();
    return;
  }
  waiter_ = self.id();
  std::atomic<unsigned>& callers = detail::this_worker()->runtime().blocking.callers;
  callers.fetch_add(1, std::memory_order_relaxed);
  self.park([this] { lock_.unlock(); });
  callers.fetch_sub(1, std::memory_order_relaxed);
  {
    const std::lock_guard guard(lock_);
    waiter_ = {};
    if (ended_) return;
  }
  throw_cancelled();
}

bool detachable_call::is_left_behind() noexcept {
  const std::lock_guard guard(lock_);
  return left_behind_;
}

void detachable_call::invoke_on_helper(blocking_call* call) noexcept {
  auto* self = static_cast<detachable_call*>(call);
  if (!self->is_left_behind()) self->run();
  self->lock_.lock();
  self->ended_ = true;
  const bool is_ours = self->left_behind_;
  if (!is_ours) self->waiter_.signal();
  self->lock_.unlock();
  if (is_ours) delete self;
}

void detachable_call::leave_behind::operator()(detachable_call* call) const noexcept {
  call->lock_.lock();
  const bool runs = call->started_ && !call->ended_;
  call->left_behind_ = runs;
  call->lock_.unlock();
  if (!runs) delete call;
}

}  // namespace weft
