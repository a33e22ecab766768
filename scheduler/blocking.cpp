#include <weft/scheduler/blocking.hpp>

#include <chrono>
#include <system_error>
#include <thread>

#include <weft/scheduler/detail/blocking_pool.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/own_thread.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::detail {

namespace {
constexpr std::chrono::seconds idle_time{10};
constexpr wait_kind blocking_wait{"a call of blocking()"};
}  // namespace

blocking_pool::~blocking_pool() {
  std::unique_lock guard(mutex_);
  ending_ = true;
  work_.notify_all();
  retired_.wait(guard, [this] { return threads_ == 0; });
}

void blocking_pool::submit(blocking_call& call) {
  std::lock_guard guard(mutex_);
  if (queued_ >= idle_ && threads_ < most_threads_) start_thread();
  call.next = nullptr;
  (head_ != nullptr ? tail_->next : head_) = &call;
  tail_ = &call;
  ++queued_;
  work_.notify_one();
}

// Called locked. A pool that has threads can do without one more.
void blocking_pool::start_thread() {
  try {
    std::thread([this] { serve(); }).detach();
    ++threads_;
  } catch (const std::system_error& e) {
    if (threads_ > 0) return;
    throw std::system_error(e.code(),
                            "weft: cannot start a thread for blocking(); raise the limit of processes (ulimit -u)");
  }
}

// A thread that is being started counts as idle.
blocking_pool::usage blocking_pool::use() const {
  std::lock_guard guard(mutex_);
  return {busy_, threads_ - busy_, queued_};
}

void blocking_pool::serve() {
  const own_thread counted;
  prepare_();
  std::unique_lock guard(mutex_);
  for (;;) {
    ++idle_;
    work_.wait_for(guard, idle_time, [this] { return head_ != nullptr || ending_; });
    --idle_;
    if (head_ == nullptr) break;  // the pool ends, or has had no work for long
    blocking_call* call = head_;
    head_ = call->next;
    --queued_;
    ++busy_;
    guard.unlock();
    const ticket done = call->done;
    call->invoke(call);
    done.signal();
    guard.lock();
    --busy_;
  }
  --threads_;
  retired_.notify_all();  // locked, so that the pool cannot be gone before this thread is done with it
}

void run_blocking(blocking_call& call) {
  check_cancelled();
  if (!in_fiber()) {
    call.invoke(&call);
    return;
  }
  parker self(blocking_wait, nullptr, parker::cancellation::ignored);
  call.done = self.id();
  blocking_pool& pool = this_worker()->runtime().blocking;
  pool.submit(call);
  pool.callers.fetch_add(1, std::memory_order_relaxed);
  self.park();
  pool.callers.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace weft::detail

namespace weft {

helper_threads helper_threads::of_caller() noexcept {
  helper_threads found;
  if (detail::worker* w = detail::this_worker(); w != nullptr) found.pool_ = &w->runtime().blocking;
  return found;
}

bool helper_threads::start(background_call& call) const noexcept {
  if (pool_ == nullptr) return false;
  try {
    pool_->submit(call);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace weft
