#include <weft/wasm/detail/ticker.hpp>

#include <pthread.h>
#include <signal.h>

#include <exception>

#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::wasm::detail {

namespace {

// Signals are for the program's own threads.
void block_all_signals() noexcept {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

ticker::~ticker() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) join();
}

// The thread may be in the midst of its pause, and others have the worker meanwhile. Cleaning up is no place to be cancelled.
void ticker::join() noexcept {
  if (in_fiber()) {
    try {
      const shield during(std::chrono::seconds(1));
      blocking([this] { thread_.join(); });
    } catch (...) {  // no thread to be had, or no memory
    }
  }
  if (thread_.joinable()) thread_.join();
}

// Of two that look at each other's word after writing their own, one at least sees the other's.
void ticker::want() {
  wanted_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (asleep_.load(std::memory_order_relaxed)) awaken();
}

void ticker::awaken() {
  const std::lock_guard guard(mutex_);
  if (thread_.joinable()) return wake_.notify_one();
  try {
    thread_ = std::thread([this] { work(); });
  } catch (...) {
    wanted_.store(false, std::memory_order_relaxed);
    throw;
  }
  asleep_.store(false, std::memory_order_relaxed);
}

// False when it is time to end, which does not wait for the end of the slice.
bool ticker::wait_for_a_slice() {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, slice, [this] { return stopping_; });
}

// False when it is time to end.
bool ticker::sleep_unless_wanted() {
  std::unique_lock lock(mutex_);
  asleep_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  wake_.wait(lock, [this] { return stopping_ || wanted_.load(std::memory_order_relaxed); });
  asleep_.store(false, std::memory_order_relaxed);
  return !stopping_;
}

void ticker::work() {
  block_all_signals();
  pthread_setname_np(pthread_self(), "weft-ticker");
  for (int idle = 0; wait_for_a_slice();) {
    idle = wanted_.exchange(false, std::memory_order_relaxed) ? 0 : idle + 1;
    tick_();  // after the look: who has said that it runs, and is not seen again, gets this one
    if (idle < idle_ticks_before_sleep) continue;
    idle = 0;
    if (!sleep_unless_wanted()) return;
  }
}

}  // namespace weft::wasm::detail
