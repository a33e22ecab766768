// An operation that epoll cannot wait for, done by one of the runtime's helper threads: calls on regular files, opening, syncing, and calls
// on descriptors that know of no attempt that does not wait (terminals).
//
// A call that waits for something that never comes (a pipe's other end) must be cancellable, so its thread is sent a signal whose handler
// does nothing: the call then ends with EINTR. The signal is SIGRTMAX - 3; the handler is put in when the first such call is
// cancelled, and passes on signals that are not meant for it. A signal that comes before the call has begun to wait has no effect: the
// engine sends another after a while.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include <weft/io/detail/operation.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io::epoll {

class helper_call : public background_call {
 public:
  // `tell` is called on the helper thread, as the call's last act.
  using done_function = void (*)(void* context, helper_call& done) noexcept;
  helper_call(detail::operation& what, done_function tell, void* context) noexcept
      : background_call(&helper_call::run), op(what), tell_(tell), context_(context) {}

  // Does it on the calling thread, where there are no helpers.
  void run_here() noexcept { result = perform(); }

  // Has it end early if it can: once asked, it does not begin, or a call that waits is interrupted. To be repeated until it has ended.
  // The thread that owns the call.
  void interrupt() noexcept;
  [[nodiscard]] bool is_interrupted() const noexcept { return interrupted_.load(std::memory_order_relaxed); }

  detail::operation& op;
  std::int64_t result = 0;  // when it is done
  // In the engine's lists: of all its calls; of those that are done.
  helper_call* previous = nullptr;
  helper_call* next = nullptr;
  helper_call* next_done = nullptr;

 private:
  static void run(background_call& call) noexcept;
  [[nodiscard]] std::int64_t perform() noexcept;
  void begin() noexcept;
  void end() noexcept;

  done_function tell_;
  void* context_;
  std::atomic<bool> interrupted_{false};
  std::mutex mutex_;  // held while a signal is sent: the thread cannot leave the call meanwhile
  bool running_ = false;
  pthread_t thread_{};
  unsigned signals_sent_ = 0;  // no longer changed once running_ is false
  std::atomic<unsigned> signals_seen_{0};
};

}  // namespace weft::io::epoll
