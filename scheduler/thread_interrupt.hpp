// Runs a function on another thread of this process, wherever that thread is at the moment: in the handler of a signal, SIGURG, which is
// ignored where nobody handles it and hardly used (Go's runtime takes it for the same reasons).
//
// A system call that the thread is in is restarted, or fails with EINTR if it is one of those that always do, and send() was asked. Signals that are not ours go to
// the handler that was there before.
#pragma once

#include <sys/types.h>
#include <ucontext.h>

#include <csignal>

namespace weft {

class thread_interrupt {
 public:
  // Async-signal-safe; may run late, or twice for one send(), but never nested in itself. errno is kept.
  using function = void (*)(const ucontext_t& interrupted);

  // For objects that are never destroyed.
  explicit thread_interrupt(function f) noexcept;
  thread_interrupt(const thread_interrupt&) = delete;
  thread_interrupt& operator=(const thread_interrupt&) = delete;

  // Threads that run foreign code under a thread pointer of its own (io/exec) must be given back theirs around what a handler does: `around` is
  // called in the handler and calls handle(context). Once, before any send(); nullptr: nothing is called around.
  using wrapper = void (*)(void (*handle)(void* context) noexcept, void* context) noexcept;
  static void set_wrapper(wrapper around) noexcept;

  // Puts the handler in if it is not there. False if there is no such thread. Does not wait for it.
  bool send(pid_t thread) const noexcept;

  // The same, unless the thread sleeps in a system call that the signal would make fail; then false. Between the look and the signal the thread
  // may enter one, so the answer is a matter of microseconds.
  bool send_unnoticed(pid_t thread) const noexcept;

 private:
  static void install_handler() noexcept;
  static void on_signal(int signal, siginfo_t* info, void* context);
  static void handle(int signal, siginfo_t* info, void* context) noexcept;
  static const thread_interrupt* find(const siginfo_t& info) noexcept;

  const function run_;
  const thread_interrupt* next_ = nullptr;
};

}  // namespace weft
