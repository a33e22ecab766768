#include <weft/io/hooks/detail/descriptor_call.hpp>

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <chrono>

namespace weft::io::hooks {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds first_pause = 100us;
constexpr unsigned most_doublings = 7;  // 12.8 ms

}  // namespace

[[gnu::noinline]] bool find_socket_limit(int fd, short event, time_point& limit) noexcept {
  limit = time_point::max();
  timeval allowed{};
  socklen_t size = sizeof allowed;
  const int option = event == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO;
  if (::getsockopt(fd, SOL_SOCKET, option, &allowed, &size) != 0) return false;
  if (allowed.tv_sec != 0 || allowed.tv_usec != 0) {
    limit = limit_after(std::chrono::seconds(allowed.tv_sec) + std::chrono::microseconds(allowed.tv_usec));
  }
  return true;
}

time_point socket_limit(int fd, short event) noexcept {
  time_point limit;
  find_socket_limit(fd, event, limit);
  return limit;
}

// Whoever finds nothing though it was ready looks again after a pause, longer each time: somebody else was quicker, or it is a local datagram socket,
// which counts as writable while its receiver's queue is full.
std::int64_t descriptor_wait::again() noexcept {
  if (!begun_) {
    if (is_nonblocking(fd_)) return -EAGAIN;
    if (!limit_known_) limit_ = socket_limit(fd_, event_);
    begun_ = true;
  } else if (in_vain_++ > 0) {
    const auto pause = first_pause * (1U << std::min(in_vain_, most_doublings));
    if (const std::int64_t failed = wait_until(std::min(limit_, limit_after(pause))); failed < 0) return failed;
  }
  const std::int64_t events = wait_for_events(fd_, event_, limit_);
  return events < 0 ? events : 0;
}

}  // namespace weft::io::hooks
