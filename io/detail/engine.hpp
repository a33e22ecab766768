// The I/O side of a worker's driver: what io_uring and epoll have in common, and how a fiber waits for an operation.
//
// Cancellation. Only the engine that started an operation can cancel it, and only its worker's thread may touch the engine; so
// others put the operation on a list and interrupt that worker. The fiber then waits for the operation's own completion:
// an operation that succeeds before the cancellation reaches it has succeeded. An operation is finished when it has completed and,
// if a cancellation was asked for, that is settled too: after this the engine never touches it.
//
//   fiber                                    engine (owner thread)
//   starts it, parks on `waiter`             completion: ending, unless cancelling is set; then finish
//   woken by cancellation or its limit:      list: has the system cancel it; that is settled sooner or later
//     cancelling, and on the list            completed and settled: finish
//   until finished: waiting_again, parks     finish: signal `waiter`; finished; if waiting_again was set, signal `again`
//
// The fiber never leaves before `finished`, so the engine never signals a wait that may be long over.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <weft/io/detail/operation.hpp>
#include <weft/scheduler/driver.hpp>

namespace weft::io::detail {

class open_descriptor;

class engine : public driver {
 public:
  // Begins the operation, which was prepared with this engine as its owner. Owner thread only. Queues it or hands it to the
  // kernel; never reaps, so it ends nobody's wait. Cannot fail: what goes wrong is the operation's result.
  virtual void start(operation& op) noexcept = 0;

  // Asks for the operation, started here, to end early. Any thread; the operation must not be able to end its life meanwhile.
  // Later calls for the same operation do nothing.
  void request_cancel(operation& op) noexcept;

  // The same for all engines: a driver of this kind is an engine.
  [[nodiscard]] const void* kind() const noexcept final { return engine_kind(); }
  [[nodiscard]] static const void* engine_kind() noexcept;

  // Whether many operations end here at once, so that what is started now shares its system call with others. Owner thread only.
  [[nodiscard]] bool is_crowded() const noexcept { return crowded_; }

  // Calls that complete without waiting must give others a turn now and then. Owner thread only.
  void count_inline() noexcept { ++inline_completions_; }
  [[nodiscard]] bool turn_is_over() noexcept {
    if (inline_completions_ < inline_budget) return false;
    inline_completions_ = 0;
    return true;
  }

 protected:
  // Has the operating system cancel an operation that is in flight; settle_cancel() must follow sooner or later. Owner thread
  // only; must not reap.
  virtual void cancel(operation& op) noexcept = 0;

  // The same, for a caller on the owner's thread who is not in this engine's own functions.
  virtual void cancel_from_outside(operation& op) noexcept { cancel(op); }

  // Cancels what others have asked for; true if there was anything. Owner thread.
  bool take_cancel_requests() noexcept;
  // The same with another way to deal with each operation, which may be to leave it for later.
  template <class Take>
  bool take_cancel_requests(Take&& take) noexcept;
  void leave_cancel_request(operation& op) noexcept;
  [[nodiscard]] bool has_cancel_requests() const noexcept {
    return cancel_requests_.load(std::memory_order_seq_cst) != nullptr;
  }

  // The operating system has given the operation's result. Owner thread.
  static void complete(operation& op, std::int64_t result) noexcept;
  // The cancellation that was asked for has found its target, or its target has ended. Owner thread.
  static void settle_cancel(operation& op) noexcept;

 protected:
  void set_crowded(bool crowded) noexcept { crowded_ = crowded; }

 private:
  static constexpr std::uint32_t inline_budget = 64;

  static void finish(operation& op) noexcept;

  std::uint32_t inline_completions_ = 0;
  bool crowded_ = false;
  alignas(64) std::atomic<operation*> cancel_requests_{nullptr};
};

template <class Take>
bool engine::take_cancel_requests(Take&& take) noexcept {
  if (!has_cancel_requests()) return false;
  operation* op = cancel_requests_.exchange(nullptr, std::memory_order_acquire);
  while (op != nullptr) {
    operation* next = op->next_cancel;
    take(*op);
    op = next;
  }
  return true;
}

// The engine of the calling fiber's worker; nullptr outside weft's fibers, where calls simply block. Throws std::logic_error on a
// runtime whose driver is no engine. Valid until the fiber parks or yields.
[[nodiscard]] engine* current_engine();

// What each call of this module does first: a cancellation point, and a yield now and then. As current_engine().
engine* begin_call();

using time_point = std::chrono::steady_clock::time_point;

// Starts the operation on the calling fiber's worker and parks until it is finished; returns its result (negative: an errno,
// never EINTR). A cancellation point: if the scope is cancelled, has the operation cancelled, awaits its end, and throws
// `cancelled` unless it succeeded first. When the limit comes, likewise, with the result -ETIMEDOUT. With `user`, the
// operation is cancelled when that descriptor is closed; the result is then -ECANCELED. Fibers only.
std::int64_t perform(operation& op, open_descriptor* user = nullptr, time_point limit = time_point::max());

// For those who start operations themselves: waits, uncancellably, until the operation is finished. To be called for each operation
// before its frame is left, whatever ended the wait.
void await_finished(operation& op);

// True for the results by which an operation says that it was cancelled or interrupted before it did anything.
[[nodiscard]] constexpr bool is_interrupted(std::int64_t result) noexcept {
  constexpr std::int64_t interrupted = -4;        // EINTR
  constexpr std::int64_t cancelled_early = -125;  // ECANCELED
  // -512 to -516 are the kernel's own codes for "restart the system call", which a ring may let out.
  return result == interrupted || result == cancelled_early || (result <= -512 && result >= -516);
}

}  // namespace weft::io::detail
