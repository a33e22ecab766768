// syscall(): futexes, which is how libstdc++ waits for atomics, futures and the initialisation of statics, and Rust for everything; and the thread's number.
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <optional>

#include <weft/io/exec/host.hpp>
#include <weft/io/exec/kernel_call.hpp>
#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/signals.hpp>
#include <weft/io/exec/waiting.hpp>

namespace weft::exec {

namespace {

using arguments = kernel_arguments;

long wait_for_word(std::atomic<int>* word, int value, time_point limit, std::uint32_t bits) {
  lot_waiter waiter(word, bits);
  if (word->load(std::memory_order_seq_cst) != value) return -EAGAIN;
  const auto how = waiter.sleep(limit, true);
  if (how == lot_waiter::end::woken || waiter.withdraw()) return 0;
  if (how == lot_waiter::end::timed_out) return -ETIMEDOUT;
  static_cast<void>(answer_interruption());
  return -EINTR;
}

// Also those that wait in the kernel: threads of the C library's own, other processes.
long wake_word(long number, const arguments& a, int count, std::uint32_t bits) noexcept {
  const auto* word = reinterpret_cast<const void*>(a[0]);
  const int woken = somebody_waits(word) ? wake_waiters(word, count, bits) : 0;
  if (woken >= count) return woken;
  const arguments rest{a[0], a[1], count - woken, a[3], a[4], a[5]};
  const long more = kernel_call(number, rest);
  return more > 0 ? woken + more : woken;
}

// Nothing if the kernel is to do it.
std::optional<long> futex(const arguments& a) {
  auto* word = reinterpret_cast<std::atomic<int>*>(a[0]);
  const int operation = static_cast<int>(a[1]) & FUTEX_CMD_MASK;
  const auto* time = reinterpret_cast<const timespec*>(a[3]);
  const clockid_t clock = (a[1] & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  const auto bits = static_cast<std::uint32_t>(a[5]);
  const auto count = static_cast<int>(a[2]);
  switch (operation) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: {
      if (time != nullptr && !is_valid(*time)) return -EINVAL;
      const bool relative = operation == FUTEX_WAIT;
      const time_point limit = time == nullptr ? no_limit : relative ? after(*time) : on_steady_clock(clock, time);
      return wait_for_word(word, count, limit, relative ? lot_waiter::any : bits);
    }
    case FUTEX_WAKE:
      return wake_word(SYS_futex, a, count, lot_waiter::any);
    case FUTEX_WAKE_BITSET:
      return wake_word(SYS_futex, a, count, bits);
    case FUTEX_CMP_REQUEUE:
      if (word->load(std::memory_order_seq_cst) != static_cast<int>(a[5])) return -EAGAIN;
      [[fallthrough]];
    case FUTEX_REQUEUE:  // who would be moved is woken: a futex may always wake without a reason
      wake_waiters(word, INT_MAX);
      return std::nullopt;
    case FUTEX_WAKE_OP:
      wake_waiters(word, INT_MAX);
      wake_waiters(reinterpret_cast<const void*>(a[4]), INT_MAX);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

// A fiber or the main thread, once there are fibers.
bool is_program() noexcept { return this_program_thread() != nullptr || (is_main_thread && runtime_runs()); }

std::optional<long> ours(long number, const arguments& a) {
  const program_thread* self = this_program_thread();
  switch (number) {
    case SYS_futex:
      return futex(a);
    case SYS_gettid:
      if (self == nullptr) return std::nullopt;
      return self->tid;
    case SYS_tgkill:
    case SYS_tkill: {
      const int tid = static_cast<int>(number == SYS_tkill ? a[0] : a[1]);
      const int signal = static_cast<int>(number == SYS_tkill ? a[1] : a[2]);
      return signal_by_number(tid, signal);
    }
    case SYS_sched_yield:
      return ::sched_yield();
    default:
      return std::nullopt;
  }
}

}  // namespace

}  // namespace weft::exec

#pragma GCC visibility push(default)
extern "C" {

long syscall(long number, ...) noexcept {
  using namespace weft::exec;
  std::va_list rest;
  va_start(rest, number);
  arguments a;
  for (long& one : a) one = va_arg(rest, long);
  va_end(rest);
  long result = 0;
  if (is_program()) {
    const std::optional<long> answer = ours(number, a);
    result = answer ? *answer : kernel_call(number, a);
  } else {
    result = kernel_call(number, a);
  }
  if (result >= 0 || result < -4095) return result;
  set_errno(static_cast<int>(-result));
  return -1;
}

pid_t gettid() noexcept {
  const weft::exec::program_thread* self = weft::exec::this_program_thread();
  const weft::exec::arguments none{};
  return self != nullptr ? self->tid : static_cast<pid_t>(weft::exec::kernel_call(SYS_gettid, none));
}

}  // extern "C"
#pragma GCC visibility pop
