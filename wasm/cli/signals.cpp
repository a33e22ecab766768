#include <weft/wasm/cli/signals.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>

#include <weft/scheduler/dump.hpp>

namespace weft::cli {
namespace {

bool is_ignored(int signal) {
  struct sigaction current{};
  return sigaction(signal, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

owned_descriptor checked(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
  return owned_descriptor(descriptor);
}

}  // namespace

signal_watch::signal_watch() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM}) {
    if (!is_ignored(signal)) sigaddset(&set, signal);
  }
  sigaddset(&set, SIGQUIT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (is_ignored(SIGQUIT)) std::signal(SIGQUIT, SIG_DFL);  // or it would not come
  signals_ = checked(signalfd(-1, &set, SFD_CLOEXEC), "cannot watch for signals");
  stop_ = checked(eventfd(0, EFD_CLOEXEC), "cannot watch for signals");
  thread_ = std::thread([this] { watch(); });
}

signal_watch::~signal_watch() {
  const std::uint64_t one = 1;
  while (write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  if (dumper_.joinable()) dumper_.join();
}

void signal_watch::watch() {
  std::array<pollfd, 2> waiting{{{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  while (true) {
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    signalfd_siginfo info;
    if (waiting[0].revents != 0 && read(signals_.get(), &info, sizeof info) == sizeof info) {
      info.ssi_signo == SIGQUIT ? take_quit() : take(static_cast<int>(info.ssi_signo));
    }
  }
}

void signal_watch::take(int signal) {
  int none = 0;
  if (!received_.compare_exchange_strong(none, signal)) std::_Exit(128 + signal);
  const std::lock_guard lock(mutex_);
  if (action_) action_();
}

void signal_watch::take_quit() {
  if (dumps_wanted_.fetch_add(1, std::memory_order_acq_rel) > 0) return;
  try {
    if (dumper_.joinable()) dumper_.join();
    dumper_ = std::thread([this] { write_dumps(); });
  } catch (const std::system_error& e) {
    dumps_wanted_ = 0;
    std::fprintf(stderr, "weft: no dump: %s\n", e.what());
  }
}

// Signals that come while a dump is being written are answered by one more.
void signal_watch::write_dumps() {
  unsigned answered = 0;
  do {
    answered = dumps_wanted_.load(std::memory_order_acquire);
    try {
      dump(stderr);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "weft: no dump: %s\n", e.what());
    }
  } while (dumps_wanted_.fetch_sub(answered, std::memory_order_acq_rel) != answered);
}

signal_watch::handler::handler(signal_watch& watch, std::function<void()> action) : watch_(watch) {
  const std::lock_guard lock(watch_.mutex_);
  watch_.action_ = std::move(action);
  if (watch_.received() != 0) watch_.action_();
}

signal_watch::handler::~handler() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.action_ = nullptr;
}

}  // namespace weft::cli
