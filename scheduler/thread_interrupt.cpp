#include <weft/scheduler/thread_interrupt.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

#include <weft/scheduler/detail/kernel_position.hpp>

namespace weft {

namespace {

constexpr int signal_number = SIGURG;

std::atomic<const thread_interrupt*> first{nullptr};
std::atomic<thread_interrupt::wrapper> wrap{nullptr};
struct sigaction previous_action;
thread_local bool passing_on = false;  // a handler that was put in after ours may call ours, which has called it

void call_previous(int signal, siginfo_t* info, void* context) noexcept {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    if (previous_action.sa_sigaction != nullptr) previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  }
}

void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  if (passing_on) return;
  passing_on = true;
  call_previous(signal, info, context);
  passing_on = false;
}

}  // namespace

// A value that came with the signal is looked up, never followed: anybody may have sent it.
const thread_interrupt* thread_interrupt::find(const siginfo_t& info) noexcept {
  if (info.si_code != SI_QUEUE) return nullptr;
  const thread_interrupt* t = first.load(std::memory_order_acquire);
  while (t != nullptr && t != info.si_value.sival_ptr) t = t->next_;
  return t;
}

void thread_interrupt::set_wrapper(wrapper around) noexcept { wrap.store(around, std::memory_order_release); }

void thread_interrupt::on_signal(int signal, siginfo_t* info, void* context) {
  const wrapper around = wrap.load(std::memory_order_acquire);
  if (around == nullptr) return handle(signal, info, context);
  struct arguments {
    int signal;
    siginfo_t* info;
    void* context;
  } given{signal, info, context};
  around(
      [](void* p) noexcept {
        const auto& g = *static_cast<arguments*>(p);
        handle(g.signal, g.info, g.context);
      },
      &given);
}

[[gnu::noinline]] void thread_interrupt::handle(int signal, siginfo_t* info, void* context) noexcept {
  const int saved_errno = errno;
  if (const thread_interrupt* t = find(*info)) {
    t->run_(*static_cast<const ucontext_t*>(context));
  } else {
    pass_on(signal, info, context);
  }
  errno = saved_errno;
}

// The program may have put in a handler of its own since the last time.
void thread_interrupt::install_handler() noexcept {
  static std::mutex mutex;
  const std::lock_guard guard(mutex);
  struct sigaction now = {};
  if (::sigaction(signal_number, nullptr, &now) != 0 || now.sa_sigaction == &on_signal) return;
  previous_action = now;
  struct sigaction action = {};
  action.sa_sigaction = &on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal_number, &action, nullptr);
}

thread_interrupt::thread_interrupt(function f) noexcept : run_(f) {
  next_ = first.load(std::memory_order_relaxed);
  while (!first.compare_exchange_weak(next_, this, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

bool thread_interrupt::send(pid_t thread) const noexcept {
  install_handler();
  siginfo_t info = {};
  info.si_signo = signal_number;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_ptr = const_cast<thread_interrupt*>(this);
  return ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), thread, signal_number, &info) == 0;
}

bool thread_interrupt::send_unnoticed(pid_t thread) const noexcept {
  return detail::is_interruptible(detail::position_of_thread(thread)) && send(thread);
}

}  // namespace weft
