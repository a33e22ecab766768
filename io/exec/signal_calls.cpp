#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <mutex>

#include <weft/io/exec/host.hpp>
#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/real.hpp>
#include <weft/io/exec/signals.hpp>
#include <weft/io/exec/waiting.hpp>

namespace weft::exec {

namespace {

constexpr real_function<decltype(::sigprocmask), "sigprocmask"> real_sigprocmask;
constexpr real_function<decltype(::pthread_kill), "pthread_kill"> real_pthread_kill;
constexpr real_function<decltype(::pthread_sigqueue), "pthread_sigqueue"> real_pthread_sigqueue;
constexpr real_function<decltype(::raise), "raise"> real_raise;
constexpr real_function<decltype(::sigaltstack), "sigaltstack"> real_sigaltstack;
constexpr real_function<decltype(::sigpending), "sigpending"> real_sigpending;

constexpr int last_signal = 64;

constexpr std::uint64_t bit_of(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }
// The C library's own two, which no program may block, and the two that nobody may.
constexpr std::uint64_t never_blocked = bit_of(32) | bit_of(33) | bit_of(SIGKILL) | bit_of(SIGSTOP);

std::uint64_t word_of(const sigset_t& s) noexcept {
  return std::bit_cast<std::array<std::uint64_t, sizeof(sigset_t) / 8>>(s)[0];
}
sigset_t set_of(std::uint64_t word) noexcept {
  return std::bit_cast<sigset_t>(std::array<std::uint64_t, sizeof(sigset_t) / 8>{word});
}

int change_mask(program_thread& self, int how, const sigset_t* set, sigset_t* before) {
  if (before != nullptr) *before = set_of(self.blocked);
  if (set == nullptr) return 0;
  const std::uint64_t wanted = word_of(*set);
  switch (how) {
    case SIG_BLOCK:
      self.blocked |= wanted;
      break;
    case SIG_UNBLOCK:
      self.blocked &= ~wanted;
      break;
    case SIG_SETMASK:
      self.blocked = wanted;
      break;
    default:
      return EINVAL;
  }
  self.blocked &= ~never_blocked;
  if (must_handle_signal(self)) handle_signals(self);
  return 0;
}

// What the kernel would do, on the fiber itself. True if its handler wants calls to be restarted.
bool deliver(program_thread& self, int signal) {
  struct sigaction action = {};
  ::sigaction(signal, nullptr, &action);
  const bool plain = (action.sa_flags & SA_SIGINFO) == 0;
  if (plain && action.sa_handler == SIG_IGN) return true;
  if (plain && action.sa_handler == SIG_DFL) {
    const bool harmless = signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
    if (!harmless) ::kill(::getpid(), signal);  // ends or stops the process, whoever takes it
    return true;
  }
  const std::uint64_t before = self.blocked;
  self.blocked |= word_of(action.sa_mask);
  if ((action.sa_flags & SA_NODEFER) == 0) self.blocked |= bit_of(signal);
  self.blocked &= ~never_blocked;
  if ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) ::signal(signal, SIG_DFL);
  if (plain) {
    action.sa_handler(signal);
  } else {
    siginfo_t info = {};
    info.si_signo = signal;
    info.si_code = SI_TKILL;
    info.si_pid = ::getpid();
    info.si_uid = ::getuid();
    ucontext_t context = {};
    context.uc_sigmask = set_of(before);
    action.sa_sigaction(signal, &info, &context);
  }
  self.blocked = before;
  return (action.sa_flags & SA_RESTART) != 0;
}

int send(program_thread& t, int signal) {
  if (signal < 0 || signal > last_signal) return EINVAL;
  if (signal == 0 || t.finished.load(std::memory_order_acquire)) return 0;
  t.pending.fetch_or(bit_of(signal), std::memory_order_seq_cst);
  program_thread* self = this_program_thread();
  if (&t != self) {
    interrupt(t);
  } else if (must_handle_signal(t)) {
    handle_signals(t);
  }
  return 0;
}

}  // namespace

std::uint64_t blocked_signals() noexcept {
  if (const program_thread* self = this_program_thread()) return self->blocked;
  sigset_t now;
  real_pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return word_of(now);
}

std::optional<long> signal_by_number(int tid, int signal) {
  program_thread* t = program_thread_numbered(tid);
  if (t == nullptr) return std::nullopt;
  if (t->finished.load(std::memory_order_acquire)) return -ESRCH;
  return -send(*t, signal);
}

bool handle_signals(program_thread& self) {
  bool restart = true;
  for (;;) {
    const std::uint64_t due = self.pending.load(std::memory_order_seq_cst) & ~self.blocked;
    if (due == 0) return restart;
    const int signal = std::countr_zero(due) + 1;
    self.pending.fetch_and(~bit_of(signal), std::memory_order_seq_cst);
    const int saved_errno = errno;
    if (!deliver(self, signal)) restart = false;
    set_errno(saved_errno);
  }
}

}  // namespace weft::exec

using namespace weft::exec;

#pragma GCC visibility push(default)
extern "C" {

int pthread_sigmask(int how, const sigset_t* set, sigset_t* before) noexcept {
  program_thread* self = this_program_thread();
  return self != nullptr ? change_mask(*self, how, set, before) : real_pthread_sigmask(how, set, before);
}

int sigprocmask(int how, const sigset_t* set, sigset_t* before) noexcept {
  program_thread* self = this_program_thread();
  if (self == nullptr) return real_sigprocmask(how, set, before);
  const int error = change_mask(*self, how, set, before);
  if (error == 0) return 0;
  set_errno(error);
  return -1;
}

int pthread_kill(pthread_t id, int signal) noexcept {
  program_thread* t = program_thread_of(id);
  return t != nullptr ? send(*t, signal) : real_pthread_kill(id, signal);
}

int pthread_sigqueue(pthread_t id, int signal, const sigval value) noexcept {
  program_thread* t = program_thread_of(id);
  return t != nullptr ? send(*t, signal) : real_pthread_sigqueue(id, signal, value);
}

int raise(int signal) noexcept {
  program_thread* self = this_program_thread();
  if (self == nullptr) return real_raise(signal);
  const int error = send(*self, signal);
  if (error == 0) return 0;
  set_errno(error);
  return -1;
}

int sigpending(sigset_t* set) noexcept {
  const program_thread* self = this_program_thread();
  if (self == nullptr) return real_sigpending(set);
  *set = set_of(self->pending.load(std::memory_order_relaxed) & self->blocked);
  return 0;
}

// The worker has one of its own, on which the handlers of faults run whatever the program says here.
int sigaltstack(const stack_t* wanted, stack_t* before) noexcept {
  program_thread* self = this_program_thread();
  if (self == nullptr) return real_sigaltstack(wanted, before);
  if (before != nullptr) {
    *before = self->alternate_stack;
    if (before->ss_sp == nullptr) before->ss_flags = SS_DISABLE;
  }
  if (wanted == nullptr) return 0;
  constexpr std::size_t least = 2048;
  if ((wanted->ss_flags & SS_DISABLE) != 0) {
    self->alternate_stack = {};
  } else if (wanted->ss_size < least) {
    set_errno(ENOMEM);
    return -1;
  } else {
    self->alternate_stack = *wanted;
  }
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
