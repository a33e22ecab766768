#include <weft/scheduler/observe/sigquit.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/observe/own_thread.hpp>

namespace weft::detail {

namespace {

constexpr std::uint64_t one_signal = 1;
constexpr std::uint64_t end = std::uint64_t{1} << 32;  // added to the eventfd's count, as signals are

// Of the process. The handler may still run on some thread while the last dump ends, so the descriptor stays open.
std::atomic<int> event{-1};
std::mutex mutex;  // guards all below
unsigned users = 0;
std::thread writer;
struct sigaction previous_action;

void add(std::uint64_t count) noexcept {
  const int saved_errno = errno;
  [[maybe_unused]] const ssize_t written = ::write(event.load(std::memory_order_relaxed), &count, sizeof count);
  errno = saved_errno;
}

void on_sigquit(int) { add(one_signal); }

// Signals that come while a dump is being written are answered by one more.
void write_dumps() {
  const own_thread counted;
  for (;;) {
    std::uint64_t count = 0;
    if (::read(event.load(std::memory_order_relaxed), &count, sizeof count) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    try {
      if (count % end != 0) dump(stderr);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "weft: no dump: %s\n", e.what());
    }
    if (count >= end) return;
  }
}

void begin() {
  if (event < 0) event = ::eventfd(0, EFD_CLOEXEC);
  if (event < 0) throw std::system_error(errno, std::generic_category(), "weft: cannot make a descriptor for SIGQUIT");
  writer = std::thread(&write_dumps);
  struct sigaction action = {};
  action.sa_handler = &on_sigquit;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGQUIT, &action, &previous_action);
}

}  // namespace

sigquit_dump::sigquit_dump() {
  const std::lock_guard guard(mutex);
  if (users == 0) begin();
  ++users;
}

sigquit_dump::~sigquit_dump() {
  const std::lock_guard guard(mutex);
  if (--users > 0) return;
  struct sigaction present = {};
  ::sigaction(SIGQUIT, nullptr, &present);
  if (present.sa_handler == &on_sigquit) ::sigaction(SIGQUIT, &previous_action, nullptr);
  add(end);
  writer.join();
}

}  // namespace weft::detail
