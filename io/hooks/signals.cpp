// Waiting for a signal that is blocked, as a thread does which takes a program's signals.
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::sigwait), "sigwait"> real_sigwait;
constexpr real_function<decltype(::sigwaitinfo), "sigwaitinfo"> real_sigwaitinfo;
constexpr real_function<decltype(::sigtimedwait), "sigtimedwait"> real_sigtimedwait;

[[gnu::noinline]] std::int64_t look(const sigset_t& set, siginfo_t* info) noexcept {
  constexpr timespec now{};
  const int signal = real_sigtimedwait(&set, info, &now);
  return signal >= 0 ? signal : negative_errno();
}

// A descriptor that becomes readable when one of them is pending; closed when left.
class pending {
 public:
  [[gnu::noinline]] explicit pending(const sigset_t& set) noexcept
      : fd_(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)), error_(fd_ >= 0 ? 0 : negative_errno()) {}
  ~pending() {
    if (fd_ >= 0) ::close(fd_);
  }
  pending(const pending&) = delete;
  pending& operator=(const pending&) = delete;
  // 0, -EAGAIN at the limit, or a negative errno.
  [[nodiscard]] std::int64_t wait(time_point limit) const noexcept {
    if (error_ != 0) return error_;
    const std::int64_t events = wait_for_events(fd_, POLLIN, limit);
    return events < 0 ? events : 0;
  }

 private:
  const int fd_;
  const std::int64_t error_;
};

// The signal's number, or a negative errno: -EAGAIN at the limit. Somebody else may be quicker.
std::int64_t wait_for_signal(const sigset_t& set, siginfo_t* info, time_point limit) noexcept {
  std::int64_t found = look(set, info);
  if (found != -EAGAIN) return found;
  const pending signals(set);
  while (found == -EAGAIN) {
    if (const std::int64_t failed = signals.wait(limit); failed != 0) return failed;
    found = look(set, info);
  }
  return found;
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

// Returns the error rather than setting errno, and is not ended by handlers of other signals.
int sigwait(const sigset_t* set, int* signal) {
  if (!may_wait()) return real_sigwait(set, signal);
  std::int64_t found = -EINTR;
  while (found == -EINTR) {
    found = wait_for_signal(*set, nullptr, time_point::max());
    if (found < 0) found = result_after_leaving(found);
  }
  if (found < 0) return static_cast<int>(-found);
  *signal = static_cast<int>(found);
  return 0;
}

int sigwaitinfo(const sigset_t* set, siginfo_t* info) {
  if (!may_wait()) return real_sigwaitinfo(set, info);
  return static_cast<int>(leave_with(wait_for_signal(*set, info, time_point::max())));
}

int sigtimedwait(const sigset_t* set, siginfo_t* info, const timespec* limit) {
  if (limit == nullptr) return sigwaitinfo(set, info);
  const bool valid = limit->tv_sec >= 0 && limit->tv_nsec >= 0 && limit->tv_nsec < 1'000'000'000;
  if (!valid || !may_wait()) return real_sigtimedwait(set, info, limit);
  const auto duration =
      std::chrono::seconds(std::min<time_t>(limit->tv_sec, 1'000'000'000)) + std::chrono::nanoseconds(limit->tv_nsec);
  return static_cast<int>(leave_with(wait_for_signal(*set, info, limit_after(duration))));
}

}  // extern "C"
