// Sockets. MSG_DONTWAIT makes an attempt that cannot wait, whatever flags the descriptor has.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <weft/io/detail/engine.hpp>
#include <weft/io/hooks/detail/descriptor_call.hpp>
#include <weft/io/hooks/detail/real.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::recv), "recv"> real_recv;
constexpr real_function<decltype(::recvfrom), "recvfrom"> real_recvfrom;
constexpr real_function<decltype(::recvmsg), "recvmsg"> real_recvmsg;
constexpr real_function<decltype(::recvmmsg), "recvmmsg"> real_recvmmsg;
constexpr real_function<decltype(::send), "send"> real_send;
constexpr real_function<decltype(::sendto), "sendto"> real_sendto;
constexpr real_function<decltype(::sendmsg), "sendmsg"> real_sendmsg;
constexpr real_function<decltype(::sendmmsg), "sendmmsg"> real_sendmmsg;
constexpr real_function<decltype(::accept), "accept"> real_accept;
constexpr real_function<decltype(::accept4), "accept4"> real_accept4;
constexpr real_function<decltype(::connect), "connect"> real_connect;

bool may_wait_with(int flags) noexcept { return (flags & MSG_DONTWAIT) == 0 && may_wait(); }

// What the real call says, EINTR included: a signal handler has run.
[[gnu::noinline]] std::int64_t outcome(std::int64_t result) noexcept { return result >= 0 ? result : negative_errno(); }

// MSG_WAITALL asks for all there is room for; one that only looks could not see more by waiting for readiness.
std::int64_t receive(int fd, void* buffer, std::size_t size, int flags, sockaddr* from, socklen_t* from_size) noexcept {
  const auto attempt = [&](std::size_t done) noexcept {
    char* const rest = static_cast<char*>(buffer) + done;
    return outcome(real_recvfrom(fd, rest, size - done, flags | MSG_DONTWAIT, from, from_size));
  };
  if ((flags & ~MSG_NOSIGNAL) == 0 && from == nullptr) return receive_some(fd, {static_cast<std::byte*>(buffer), size});
  if ((flags & MSG_WAITALL) == 0) return retry_until_done(fd, POLLIN, [&] { return attempt(0); });
  if ((flags & MSG_PEEK) != 0) {
    return on_helper_thread([&] { return outcome(real_recvfrom(fd, buffer, size, flags, from, from_size)); });
  }
  return retry_until_all(fd, POLLIN, size, attempt);
}

// A stream takes all; of messages each is sent whole at once.
std::int64_t transmit(int fd, const void* buffer, std::size_t size, int flags, const sockaddr* to,
                      socklen_t to_size) noexcept {
  return retry_until_all(fd, POLLOUT, size, [&](std::size_t done) noexcept {
    const char* const rest = static_cast<const char*>(buffer) + done;
    return outcome(real_sendto(fd, rest, size - done, flags | MSG_DONTWAIT, to, to_size));
  });
}

std::size_t size_of(const iovec* buffers, std::size_t count) noexcept {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += buffers[i].iov_len;
  return sum;
}

// The parts of a message that are still to be transferred. Allocates only if its first attempt was cut short.
class message_rest {
 public:
  explicit message_rest(const msghdr& whole) noexcept : whole_(whole), current_(whole) {}

  msghdr& after(std::size_t done) {
    if (done == 0) return current_;
    rest_.clear();
    for (std::size_t i = 0; i < whole_.msg_iovlen; ++i) {
      const iovec& v = whole_.msg_iov[i];
      const std::size_t skipped = std::min(done, v.iov_len);
      done -= skipped;
      if (skipped < v.iov_len) rest_.push_back({static_cast<char*>(v.iov_base) + skipped, v.iov_len - skipped});
    }
    current_.msg_iov = rest_.data();
    current_.msg_iovlen = rest_.size();
    current_.msg_control = nullptr;  // went with the first byte
    current_.msg_controllen = 0;
    return current_;
  }

 private:
  const msghdr& whole_;
  msghdr current_;
  std::vector<iovec> rest_;
};

std::int64_t transmit_message(int fd, const msghdr& m, int flags) noexcept {
  message_rest rest(m);
  return retry_until_all(fd, POLLOUT, size_of(m.msg_iov, m.msg_iovlen), [&](std::size_t done) noexcept {
    return outcome(real_sendmsg(fd, &rest.after(done), flags | MSG_DONTWAIT));
  });
}

std::int64_t receive_message(int fd, msghdr& m, int flags) noexcept {
  if ((flags & MSG_WAITALL) != 0) return on_helper_thread([&] { return outcome(real_recvmsg(fd, &m, flags)); });
  return retry_until_done(fd, POLLIN, [&] { return outcome(real_recvmsg(fd, &m, flags | MSG_DONTWAIT)); });
}

// The peer that accept(2) would name. One that has gone by now has no name any more, only a family.
[[gnu::noinline]] void name_peer(int fd, sockaddr* peer, socklen_t* size) noexcept {
  if (peer == nullptr || size == nullptr) return;
  const socklen_t room = *size;
  if (::getpeername(fd, peer, size) == 0) return;
  sockaddr_storage own{};
  socklen_t own_size = sizeof own;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0) own_size = 0;
  sockaddr_storage nobody{};
  nobody.ss_family = own.ss_family;
  std::memcpy(peer, &nobody, std::min(room, own_size));
  *size = own_size;
}

// There is no accept that does not wait, so it is the engine's: readiness alone would let two fibers run for one connection, and the loser block
// the worker.
std::int64_t accept_connection(int fd, sockaddr* peer, socklen_t* size, int flags) noexcept {
  if (is_nonblocking(fd)) return outcome(real_accept4(fd, peer, size, flags));
  give_way_now_and_then();
  const std::int64_t accepted = inside([&] {
    detail::operation op(detail::opcode::accept, fd);
    op.flags = static_cast<std::uint32_t>(flags);
    const std::int64_t result = detail::perform(op, nullptr, socket_limit(fd, POLLIN));
    return result == -ETIMEDOUT ? -EAGAIN : result;
  });
  if (accepted < 0) return accepted;
  known_sockets::forget(static_cast<int>(accepted));
  name_peer(static_cast<int>(accepted), peer, size);
  return accepted;
}

std::int64_t connect_socket(int fd, const sockaddr* where, socklen_t size) noexcept {
  if (is_nonblocking(fd)) return outcome(real_connect(fd, where, size));
  time_point limit = socket_limit(fd, POLLOUT);
  return inside([&] {
    detail::operation op(detail::opcode::connect, fd);
    op.data = const_cast<sockaddr*>(where);
    op.size = size;
    const std::int64_t result = detail::perform(op, nullptr, limit);
    const bool out_of_time = result == -ETIMEDOUT && limit <= time_point::clock::now();
    return out_of_time ? -EINPROGRESS : result;
  });
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  if (!may_wait_with(flags)) return real_recv(fd, buffer, size, flags);
  return leave_with(receive(fd, buffer, size, flags, nullptr, nullptr));
}

ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
  if (!may_wait_with(flags)) return real_recvfrom(fd, buffer, size, flags, from, from_size);
  return leave_with(receive(fd, buffer, size, flags, from, from_size));
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (!may_wait_with(flags)) return real_recvmsg(fd, message, flags);
  return leave_with(receive_message(fd, *message, flags));
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* limit) {
  if (!may_wait_with(flags)) return real_recvmmsg(fd, messages, count, flags, limit);
  if ((flags & MSG_WAITFORONE) == 0 && count > 1) {  // all of them, or until the limit
    return static_cast<int>(
        leave_with(on_helper_thread([&] { return outcome(real_recvmmsg(fd, messages, count, flags, limit)); })));
  }
  return static_cast<int>(leave_with(retry_until_done(
      fd, POLLIN, [&] { return outcome(real_recvmmsg(fd, messages, count, flags | MSG_DONTWAIT, nullptr)); })));
}

ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  if (!may_wait_with(flags)) return real_send(fd, buffer, size, flags);
  return leave_with(transmit(fd, buffer, size, flags, nullptr, 0));
}

ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  if (!may_wait_with(flags)) return real_sendto(fd, buffer, size, flags, to, to_size);
  return leave_with(transmit(fd, buffer, size, flags, to, to_size));
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!may_wait_with(flags)) return real_sendmsg(fd, message, flags);
  return leave_with(transmit_message(fd, *message, flags));
}

// As many as go; the first must.
int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (!may_wait_with(flags)) return real_sendmmsg(fd, messages, count, flags);
  return static_cast<int>(leave_with(retry_until_done(
      fd, POLLOUT, [&] { return outcome(real_sendmmsg(fd, messages, count, flags | MSG_DONTWAIT)); })));
}

int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
  if (!may_wait()) return real_accept4(fd, peer, size, flags);
  return static_cast<int>(leave_with(accept_connection(fd, peer, size, flags)));
}

int accept(int fd, sockaddr* peer, socklen_t* size) {
  if (!may_wait()) return real_accept(fd, peer, size);
  return static_cast<int>(leave_with(accept_connection(fd, peer, size, 0)));
}

int connect(int fd, const sockaddr* where, socklen_t size) {
  if (!may_wait()) return real_connect(fd, where, size);
  return static_cast<int>(leave_with(connect_socket(fd, where, size)));
}

// The forms that a compiler chooses which knows the buffer's size; too little room ends the process in the real ones.
// NOLINTBEGIN(bugprone-reserved-identifier): the names are the C library's
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags) {
  constexpr real_function<ssize_t(int, void*, size_t, size_t, int), "__recv_chk"> real_recv_chk;
  return size <= room ? recv(fd, buffer, size, flags) : real_recv_chk(fd, buffer, size, room, flags);
}

ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags, sockaddr* from,
                       socklen_t* from_size) {
  constexpr real_function<ssize_t(int, void*, size_t, size_t, int, sockaddr*, socklen_t*), "__recvfrom_chk">
      real_recvfrom_chk;
  return size <= room ? recvfrom(fd, buffer, size, flags, from, from_size)
                      : real_recvfrom_chk(fd, buffer, size, room, flags, from, from_size);
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
