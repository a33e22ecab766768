#include <weft/io/detail/message.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <weft/io/detail/fault_point.hpp>
#include <weft/io/detail/transfer.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::detail {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds first_pause = 100us;
constexpr std::chrono::nanoseconds most_pause = 10ms;

std::int64_t outcome(ssize_t result) noexcept { return result >= 0 ? result : -errno; }

template <class Call>
std::int64_t repeat(Call call) noexcept {
  for (;;) {
    const std::int64_t result = call();
    if (result != -EINTR) return result;
  }
}

[[gnu::noinline]] std::int64_t send_one(int fd, const msghdr& m, int flags) noexcept {
  return repeat([&] { return outcome(::sendmsg(fd, &m, flags | MSG_NOSIGNAL)); });
}
[[gnu::noinline]] std::int64_t receive_one(int fd, msghdr& m, int flags) noexcept {
  return repeat([&] { return outcome(::recvmsg(fd, &m, flags | MSG_CMSG_CLOEXEC)); });
}
[[gnu::noinline]] std::int64_t send_several(int fd, std::span<mmsghdr> m, int flags) noexcept {
  return repeat(
      [&] { return outcome(::sendmmsg(fd, m.data(), static_cast<unsigned>(m.size()), flags | MSG_NOSIGNAL)); });
}
[[gnu::noinline]] std::int64_t receive_several(int fd, std::span<mmsghdr> m, int flags) noexcept {
  return repeat([&] {
    return outcome(::recvmmsg(fd, m.data(), static_cast<unsigned>(m.size()), flags | MSG_WAITFORONE, nullptr));
  });
}

// The socket may be set not to block.
template <class Call>
std::int64_t on_thread(int fd, short event, Call call) noexcept {
  for (;;) {
    const std::int64_t result = call(0);
    if (result != -EAGAIN) return result;
    pollfd ready{.fd = fd, .events = event, .revents = 0};
    poll_blocking({&ready, 1}, -1ns);
  }
}

// Without waiting.
template <class Call>
std::int64_t attempt(int fd, Call call) noexcept {
  const fault f = fault_before(faulty_call::message, fd, 0);
  return f.result < 0 ? f.result : call(MSG_DONTWAIT);
}

// A local datagram socket that is not connected counts as writable although the receiver's queue is full, and nothing tells when there is
// room: who was told so in vain looks again after a while.
template <class Call>
std::int64_t wait_and(int fd, short event, open_descriptor* user, Call call) {
  for (std::chrono::nanoseconds pause = first_pause;; pause = std::min(2 * pause, most_pause)) {
    if (const std::int64_t ready = wait_ready(fd, event, user); ready < 0) return ready;
    const std::int64_t result = attempt(fd, call);
    if (result != -EAGAIN) return result;
    if (event == POLLOUT) sleep_for(pause);
  }
}

template <class Call>
std::int64_t at_once_or_later(int fd, short event, open_descriptor* user, Call call) {
  engine* e = begin_call();
  if (e == nullptr) return on_thread(fd, event, call);
  const std::int64_t result = attempt(fd, call);
  if (result == -EAGAIN) return wait_and(fd, event, user, call);
  e->count_inline();
  return result;
}

}  // namespace

std::int64_t send_message(int fd, const msghdr& message, open_descriptor* user) {
  return at_once_or_later(fd, POLLOUT, user, [&](int flags) noexcept { return send_one(fd, message, flags); });
}

std::int64_t receive_message(int fd, msghdr& message, open_descriptor* user) {
  return at_once_or_later(fd, POLLIN, user, [&](int flags) noexcept { return receive_one(fd, message, flags); });
}

std::int64_t send_messages(int fd, std::span<mmsghdr> messages, open_descriptor* user) {
  return at_once_or_later(fd, POLLOUT, user, [&](int flags) noexcept { return send_several(fd, messages, flags); });
}

std::int64_t receive_messages(int fd, std::span<mmsghdr> messages, open_descriptor* user) {
  return at_once_or_later(fd, POLLIN, user, [&](int flags) noexcept { return receive_several(fd, messages, flags); });
}

}  // namespace weft::io::detail
