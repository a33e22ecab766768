#include <weft/io/epoll/epoll_set.hpp>

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <system_error>

namespace weft::io::epoll {

namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

[[noreturn]] void fail(unsigned worker, int error) {
  std::string what = "weft: worker " + std::to_string(worker) + " cannot have an epoll instance. ";
  switch (error) {
    case EMFILE:
      what += "The process has no descriptor left; raise RLIMIT_NOFILE (ulimit -n)";
      break;
    case ENFILE:
      what += "The system has no descriptor left; raise fs.file-max";
      break;
    case ENOMEM:
      what += "The kernel has no memory for it; raise the cgroup's memory limit";
      break;
    default:
      what += "The kernel refuses; a seccomp filter must allow epoll_create1, epoll_ctl, epoll_wait and eventfd2";
  }
  throw std::system_error(error, std::generic_category(), what);
}

// An epoll or event descriptor that stops working leaves every fiber waiting for ever: better to end with a word about why.
[[noreturn]] void die(int error) {
  std::fprintf(stderr, "weft: epoll_wait failed unexpectedly: %s. The worker's I/O cannot go on.\n",
               std::strerror(error));
  std::abort();
}

timespec to_timespec(nanoseconds time) noexcept {
  return {.tv_sec = static_cast<time_t>(time / 1s), .tv_nsec = static_cast<long>((time % 1s).count())};
}

// The kernel may end an epoll wait late by a thousandth of its length (up to 0.1 s). So a long one ends early and the rest follows.
nanoseconds shortened(nanoseconds left) noexcept { return left > 100ms ? left - left / 256 : left; }

[[gnu::noinline]] int make_event_fd() noexcept {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd >= 0 ? fd : -errno;
}

[[gnu::noinline]] int make_set(int wake_fd) noexcept {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) return -errno;
  // Edge-triggered, so that each write is an event though nobody reads.
  epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {.u64 = epoll_set::wake_tag}};
  if (::epoll_ctl(set, EPOLL_CTL_ADD, wake_fd, &interest) == 0) return set;
  const int error = errno;
  ::close(set);
  return -error;
}

}  // namespace

epoll_set::epoll_set(unsigned worker) : wake_fd_(make_event_fd()) {
  if (wake_fd_ < 0) fail(worker, -wake_fd_);
  epoll_ = make_set(wake_fd_);
  if (epoll_ >= 0) return;
  ::close(wake_fd_);
  fail(worker, -epoll_);
}

epoll_set::~epoll_set() {
  ::close(epoll_);
  ::close(wake_fd_);
}

bool epoll_set::renew() noexcept {
  const int fresh = make_set(wake_fd_);
  if (fresh < 0) return false;
  ::close(epoll_);
  epoll_ = fresh;
  return true;
}

[[gnu::noinline]] int epoll_set::control(int operation, int fd, std::uint32_t events,
                                         std::uint64_t tag) const noexcept {
  epoll_event interest{.events = events, .data = {.u64 = tag}};
  return ::epoll_ctl(epoll_, operation, fd, &interest) == 0 ? 0 : -errno;
}

int epoll_set::add(int fd, std::uint32_t events, std::uint64_t tag) noexcept {
  return control(EPOLL_CTL_ADD, fd, events, tag);
}
int epoll_set::change(int fd, std::uint32_t events, std::uint64_t tag) noexcept {
  return control(EPOLL_CTL_MOD, fd, events, tag);
}

// Not by the library's function: ThreadSanitizer would take it, and rightly for any other use, for a race with whoever closes `fd` now.
[[gnu::noinline]] void epoll_set::remove(int fd) noexcept {
  ::syscall(SYS_epoll_ctl, epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

[[gnu::noinline]] int epoll_set::wait_once(std::span<epoll_event> events, time_point until) noexcept {
  const int room = static_cast<int>(events.size());
  if (until == time_point{}) return ::epoll_wait(epoll_, events.data(), room, 0);
  const bool limited = until != time_point::max();
  const nanoseconds left = limited ? shortened(std::max<nanoseconds>(until - time_point::clock::now(), 0ns)) : 0ns;
  if (has_nanoseconds_) {
    const timespec time = to_timespec(left);
    const int n = ::epoll_pwait2(epoll_, events.data(), room, limited ? &time : nullptr, nullptr);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
    has_nanoseconds_ = false;
  }
  const auto whole = std::min<std::int64_t>(ceil<milliseconds>(left).count(), 1'000'000);
  return ::epoll_wait(epoll_, events.data(), room, limited ? static_cast<int>(whole) : -1);
}

[[gnu::noinline]] std::size_t epoll_set::wait(std::span<epoll_event> events, time_point until) noexcept {
  for (;;) {
    const int n = wait_once(events, until);
    if (n < 0 && errno != EINTR) die(errno);
    if (n <= 0 && until != time_point{} && until != time_point::max() && time_point::clock::now() < until) continue;
    if (n <= 0) return 0;
    const auto end =
        std::remove_if(events.begin(), events.begin() + n, [](const epoll_event& e) { return e.data.u64 == wake_tag; });
    return static_cast<std::size_t>(end - events.begin());
  }
}

[[gnu::noinline]] void epoll_set::wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

}  // namespace weft::io::epoll
