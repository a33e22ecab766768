#include <weft/scheduler/detail/signal_hub.hpp>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include <weft/scheduler/observe/own_thread.hpp>

namespace weft::detail {

namespace {

constexpr int most_signals = 65;  // numbers from 1 to 64

struct handled_signal {
  std::atomic<unsigned> arrived{0};
  unsigned listeners = 0;  // guarded by members_
  bool installed = false;
  struct sigaction before = {};
};

std::array<handled_signal, most_signals> handled;
sem_t something_arrived;

// Nothing here but atomics and sem_post, which may be called in a handler.
void on_signal(int number) {
  const int saved = errno;
  handled[static_cast<std::size_t>(number)].arrived.fetch_add(1, std::memory_order_relaxed);
  ::sem_post(&something_arrived);
  errno = saved;
}

timespec to_timespec(signal_listener::clock::time_point when) noexcept {
  const auto ns = when.time_since_epoch().count();
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

std::vector<int> checked(std::initializer_list<int> numbers) {
  for (const int number : numbers) {
    const bool fault = number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL;
    if (number >= 1 && number < most_signals && !fault) continue;
    throw std::invalid_argument("weft: signal " + std::to_string(number) +
                                " cannot be waited for; faults are told to the thread that makes them");
  }
  return numbers;
}

}  // namespace

signal_listener::signal_listener(std::initializer_list<int> numbers) : numbers_(checked(numbers)) {}

// Never destroyed: a handler may run until the process ends.
signal_hub& signal_hub::instance() {
  static signal_hub* hub = [] {
    ::sem_init(&something_arrived, 0, 0);
    return new signal_hub;
  }();
  return *hub;
}

void signal_hub::add(signal_listener& listener) {
  std::lock_guard guard(members_);
  if (!thread_) start_thread();
  {
    std::lock_guard calls(calls_);
    listeners_.push_back(&listener);
  }
  std::size_t done = 0;
  try {
    for (const int number : listener.numbers()) {
      install(number);
      ++done;
    }
  } catch (...) {
    for (std::size_t i = 0; i < done; ++i) uninstall(listener.numbers()[i]);
    {
      std::lock_guard calls(calls_);
      std::erase(listeners_, &listener);
    }
    if (listeners_.empty()) stop_thread();
    throw;
  }
}

void signal_hub::remove(signal_listener& listener) noexcept {
  std::lock_guard guard(members_);
  {
    std::lock_guard calls(calls_);
    if (std::erase(listeners_, &listener) == 0) return;  // in the child of a fork() nobody is known any more
  }
  for (const int number : listener.numbers()) uninstall(number);
  if (listeners_.empty()) stop_thread();
}

void signal_hub::install(int number) {
  handled_signal& s = handled[static_cast<std::size_t>(number)];
  if (s.listeners == 0) {
    if (::sigaction(number, nullptr, &s.before) != 0) {
      throw std::system_error(errno, std::generic_category(),
                              "weft: signal " + std::to_string(number) + " cannot be handled");
    }
    s.installed = (s.before.sa_flags & SA_SIGINFO) != 0 || s.before.sa_handler != SIG_IGN;
    s.arrived.store(0, std::memory_order_relaxed);
    struct sigaction ours = {};
    ours.sa_handler = &on_signal;
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    ::sigfillset(&ours.sa_mask);
    if (s.installed && ::sigaction(number, &ours, nullptr) != 0) {
      throw std::system_error(errno, std::generic_category(),
                              "weft: signal " + std::to_string(number) + " cannot be handled");
    }
  }
  ++s.listeners;
}

// Whoever has taken the signal over meanwhile keeps it.
void signal_hub::uninstall(int number) noexcept {
  handled_signal& s = handled[static_cast<std::size_t>(number)];
  if (--s.listeners > 0 || !s.installed) return;
  s.installed = false;
  struct sigaction current = {};
  ::sigaction(number, nullptr, &current);
  if ((current.sa_flags & SA_SIGINFO) == 0 && current.sa_handler == &on_signal) {
    ::sigaction(number, &s.before, nullptr);
  }
}

// It takes no signals itself: a handler that ran there would only delay it.
void signal_hub::start_thread() {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  ending_ = false;
  try {
    thread_.emplace([this] { serve(); });
  } catch (const std::system_error& e) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw std::system_error(e.code(),
                            "weft: cannot start a thread for signals; raise the limit of processes (ulimit -u)");
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void signal_hub::stop_thread() noexcept {
  {
    std::lock_guard calls(calls_);
    ending_ = true;
  }
  ::sem_post(&something_arrived);
  thread_->join();
  thread_.reset();
}

// To the deadlock watch it is one of weft's own threads: fibers that wait for a signal say so themselves.
void signal_hub::serve() noexcept {
  const own_thread own;
  for (;;) {
    signal_listener::clock::time_point next;
    {
      std::lock_guard calls(calls_);
      if (ending_) return;
      deliver();
      next = end_overdue();
    }
    if (next == signal_listener::clock::time_point::max()) {
      ::sem_wait(&something_arrived);
    } else {
      const timespec limit = to_timespec(next);
      ::sem_clockwait(&something_arrived, CLOCK_MONOTONIC, &limit);
    }
  }
}

void signal_hub::deliver() noexcept {
  for (int number = 1; number < most_signals; ++number) {
    unsigned times = handled[static_cast<std::size_t>(number)].arrived.exchange(0, std::memory_order_relaxed);
    for (; times > 0; --times) {
      for (signal_listener* l : listeners_) {
        if (std::ranges::find(l->numbers(), number) != l->numbers().end()) l->arrived(number);
      }
    }
  }
}

// Returns when the next limit is.
signal_listener::clock::time_point signal_hub::end_overdue() noexcept {
  auto next = signal_listener::clock::time_point::max();
  for (signal_listener* l : listeners_) {
    if (l->limit() <= signal_listener::clock::now()) l->overdue();
    next = std::min(next, l->limit());
  }
  return next;
}

void signal_hub::before_fork() noexcept {
  members_.lock();
  calls_.lock();
}

void signal_hub::after_fork_in_parent() noexcept {
  calls_.unlock();
  members_.unlock();
}

// The thread is not there to be joined, and the semaphore may have been in its hands.
void signal_hub::after_fork_in_child() noexcept {
  if (thread_) ::new (static_cast<void*>(&*thread_)) std::thread;
  thread_.reset();
  for (int number = 1; number < most_signals; ++number) {
    handled_signal& s = handled[static_cast<std::size_t>(number)];
    if (s.listeners == 0) continue;
    s.listeners = 1;
    uninstall(number);
    s.arrived.store(0, std::memory_order_relaxed);
  }
  listeners_.clear();
  ::sem_init(&something_arrived, 0, 0);
  calls_.unlock();
  members_.unlock();
}

}  // namespace weft::detail
