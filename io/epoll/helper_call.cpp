#include <weft/io/epoll/helper_call.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace weft::io::epoll {

namespace {

using detail::opcode;
using detail::operation;

// Not SIGURG, whose handler has system calls restarted (thread_interrupt.hpp): this one is to end them.
const int signal_number = SIGRTMAX - 3;
constexpr int most_moments = 1'000;

// Of a helper thread during its call: where the handler counts. Else null: the signal is somebody else's.
thread_local std::atomic<std::atomic<unsigned>*> counter_of_call{nullptr};
struct sigaction before;

void on_signal(int number, siginfo_t* info, void* context) {
  if (std::atomic<unsigned>* counter = counter_of_call.load(std::memory_order_relaxed)) {
    counter->fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  }
}

// Without SA_RESTART, or the call would go on waiting. The program may have put in a handler of its own since the last time.
void install_handler() noexcept {
  static std::mutex mutex;
  const std::lock_guard guard(mutex);
  struct sigaction now = {};
  if (::sigaction(signal_number, nullptr, &now) != 0 || now.sa_sigaction == &on_signal) return;
  before = now;
  struct sigaction action = {};
  action.sa_sigaction = &on_signal;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(signal_number, &action, nullptr);
}

void let_signal_pass() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal_number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

[[gnu::noinline]] void count_signals_in(std::atomic<unsigned>* counter) noexcept {
  counter_of_call.store(counter, std::memory_order_relaxed);
}

[[gnu::noinline]] std::int64_t call_once(const operation& op) noexcept {
  const auto* vectors = static_cast<const iovec*>(op.data);
  const auto count = static_cast<int>(op.size);
  const auto flags = static_cast<int>(op.flags);
  std::int64_t result = -1;
  switch (op.code) {
    case opcode::read:
      result = ::preadv2(op.fd, vectors, count, op.offset, 0);
      break;
    case opcode::write:
      result = ::pwritev2(op.fd, vectors, count, op.offset, 0);
      break;
    case opcode::accept:
      result = ::accept4(op.fd, nullptr, nullptr, flags);
      break;
    case opcode::sync:
      result = op.flags != 0 ? ::fdatasync(op.fd) : ::fsync(op.fd);
      break;
    case opcode::open:
      result = ::openat(op.fd, static_cast<const char*>(op.data), flags, op.size);
      break;
    case opcode::connect:
      result = ::connect(op.fd, static_cast<const sockaddr*>(op.data), op.size);
      break;
    case opcode::receive:
    case opcode::send:
    case opcode::poll:
      return -EOPNOTSUPP;  // the engine waits for these itself
  }
  return result >= 0 ? result : -errno;
}

}  // namespace

std::int64_t helper_call::perform() noexcept {
  for (;;) {
    if (is_interrupted()) return -ECANCELED;
    const std::int64_t r = call_once(op);
    if (r != -EINTR) return r;
  }
}

void helper_call::run(background_call& call) noexcept {
  auto& self = static_cast<helper_call&>(call);
  self.begin();
  self.result = self.perform();
  self.end();
  self.tell_(self.context_, self);
}

[[gnu::noinline]] void helper_call::begin() noexcept {
  let_signal_pass();
  count_signals_in(&signals_seen_);
  const std::lock_guard guard(mutex_);
  thread_ = ::pthread_self();
  running_ = true;
}

// A signal that is still on its way must not interrupt whatever the thread does next. It is awaited for a moment only: it may have gone to
// another's handler.
[[gnu::noinline]] void helper_call::end() noexcept {
  {
    const std::lock_guard guard(mutex_);
    running_ = false;
  }
  for (int i = 0; i < most_moments && signals_seen_.load(std::memory_order_relaxed) < signals_sent_; ++i) {
    const timespec moment{.tv_sec = 0, .tv_nsec = 1'000};
    ::nanosleep(&moment, nullptr);
  }
  count_signals_in(nullptr);
}

// One at a time, since one that is pending would swallow the next and the count be wrong.
void helper_call::interrupt() noexcept {
  install_handler();
  interrupted_.store(true, std::memory_order_relaxed);
  const std::lock_guard guard(mutex_);
  if (!running_ || signals_seen_.load(std::memory_order_relaxed) < signals_sent_) return;
  if (::pthread_kill(thread_, signal_number) == 0) ++signals_sent_;
}

}  // namespace weft::io::epoll
