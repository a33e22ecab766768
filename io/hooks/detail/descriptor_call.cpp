#include <weft/io/hooks/detail/descriptor_call.hpp>

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <chrono>

#include <weft/io/detail/engine.hpp>

namespace weft::io::hooks {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds first_pause = 100us;
constexpr unsigned most_doublings = 7;  // 12.8 ms

[[gnu::noinline]] std::int64_t receive_now(int fd, std::span<std::byte> buffer) noexcept {
  return detail::receive(fd, buffer, MSG_DONTWAIT);
}

// Of a plain socket: the engine waits and receives. Also one whose fiber is cancelled gets what is there.
std::int64_t receive_plain(int fd, std::span<std::byte> buffer, bool expected_to_wait) noexcept {
  return inside([&] {
    detail::operation op(detail::opcode::receive, fd);
    constexpr std::size_t most = 1U << 30;  // a stream may return less than there is room for
    op.data = buffer.data();
    op.size = static_cast<std::uint32_t>(std::min(buffer.size(), most));
    op.expected_to_wait = expected_to_wait;
    try {
      return detail::perform(op);
    } catch (const cancelled&) {
      const std::int64_t at_last = receive_now(fd, buffer);
      if (at_last == -EAGAIN) throw;
      return at_last;
    }
  });
}

std::int64_t receive_in_vain_or_not(int fd, std::span<std::byte> buffer) noexcept {
  if (known_sockets::is_plain(fd) && known_sockets::is_drained(fd) && !buffer.empty()) {
    return receive_plain(fd, buffer, false);
  }
  give_way_now_and_then();
  const std::int64_t result = receive_now(fd, buffer);
  if (result != -EAGAIN) return result;
  if (known_sockets::is_plain(fd)) return receive_plain(fd, buffer, true);
  const known_sockets::question asked(fd);
  return receive_after_attempt(fd, buffer, asked, socket_limit(fd, POLLIN));
}

}  // namespace

std::int64_t receive_some(int fd, std::span<std::byte> buffer) noexcept {
  const std::int64_t result = receive_in_vain_or_not(fd, buffer);
  if (result == -ENOTSOCK) known_sockets::forget(fd);
  const bool drained = result == -EAGAIN || (result > 0 && static_cast<std::size_t>(result) < buffer.size());
  known_sockets::set_drained(fd, drained);
  return result;
}

std::int64_t receive_after_attempt(int fd, std::span<std::byte> buffer, const known_sockets::question& asked,
                                   time_point limit) noexcept {
  if (is_nonblocking(fd)) return -EAGAIN;
  if (limit == time_point::max()) {
    asked.learn_plain();
    return receive_plain(fd, buffer, true);
  }
  descriptor_wait wait(fd, POLLIN, limit);
  for (;;) {
    if (const std::int64_t failed = wait.again(); failed != 0) return failed;
    if (const std::int64_t result = receive_now(fd, buffer); result != -EAGAIN) return result;
  }
}

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
