// Sockets that the guest was given: connections from its listeners, messages, and closing one direction.

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <weft/io/descriptor.hpp>
#include <weft/wasm/wasi/functions.hpp>
#include <weft/wasm/wasi/vectors.hpp>

namespace weft::wasm::wasi {

namespace {

descriptor& socket_at(const call& c, fd_number fd, rights wanted) {
  descriptor& d = c.guest.descriptors().at(fd);
  if (!d.is_socket()) throw failure{errc::notsock};
  d.require(wanted);
  return d;
}

errc adopt(context& guest, int fd, std::uint16_t flags, const guest_memory& memory, pointer result) {
  descriptor d;
  d.owned.reset(fd);
  d.fd = fd;
  if (const int error = classify(d); error != 0) return from_errno(error);
  d.flags = flags;
  memory.store(result, guest.descriptors().insert(std::move(d)));
  return errc::success;
}

outcome sock_accept(call& c, fd_number fd, std::uint32_t flags, pointer result) {
  const descriptor& d = socket_at(c, fd, right::sock_accept);
  if ((flags & ~std::uint32_t{fdflag::nonblock}) != 0) return errc::inval;
  static_cast<void>(c.memory.load<fd_number>(result));
  if (d.would_block(POLLIN)) return errc::again;
  return c.wait([&guest = c.guest, memory = c.memory, host = d.fd, flags, result]() -> outcome {
    std::error_code error;
    const int accepted = io::accept(host, error);
    if (error) return from_errno(error.value());
    return adopt(guest, accepted, static_cast<std::uint16_t>(flags), memory, result);
  });
}

struct message {
  std::size_t bytes = 0;
  bool truncated = false;
  int error = 0;
};

// Out of line, for they look at errno and their callers park.
[[gnu::noinline]] message receive(int fd, const buffer_list& buffers, int flags) noexcept {
  const auto list = buffers.vectors();
  msghdr header = {};
  header.msg_iov = const_cast<iovec*>(list.data());
  header.msg_iovlen = list.size();
  const ssize_t n = ::recvmsg(fd, &header, flags | MSG_DONTWAIT);
  if (n < 0) return {.bytes = 0, .truncated = false, .error = errno};
  return {.bytes = static_cast<std::size_t>(n), .truncated = (header.msg_flags & MSG_TRUNC) != 0, .error = 0};
}

[[gnu::noinline]] message send(int fd, const buffer_list& buffers) noexcept {
  const auto list = buffers.vectors();
  msghdr header = {};
  header.msg_iov = const_cast<iovec*>(list.data());
  header.msg_iovlen = list.size();
  const ssize_t n = ::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) return {.bytes = 0, .truncated = false, .error = errno};
  return {.bytes = static_cast<std::size_t>(n), .truncated = false, .error = 0};
}

void await(int fd, short events) {
  pollfd p{.fd = fd, .events = events, .revents = 0};
  io::poll_many(std::span(&p, 1));
}

outcome report_received(context& guest, const guest_memory& memory, const message& m, pointer count,
                        pointer out_flags) {
  if (m.error != 0) return from_errno(m.error);
  guest.count_read(m.bytes);
  memory.store(count, static_cast<size>(m.bytes));
  memory.store(out_flags, static_cast<std::uint16_t>(m.truncated ? 1 : 0));
  return errc::success;
}

outcome sock_recv(call& c, fd_number fd, pointer vectors, size vector_count, std::uint32_t flags, pointer count,
                  pointer out_flags) {
  constexpr std::uint32_t peek = 1;
  constexpr std::uint32_t wait_for_all = 2;
  const descriptor& d = socket_at(c, fd, right::fd_read);
  if ((flags & ~(peek | wait_for_all)) != 0) return errc::inval;
  // A guest that wants all asks again until it has all; only a wait in one piece could not be interrupted by a short
  // count.
  const int host_flags = (flags & peek) != 0 ? MSG_PEEK : 0;
  const buffer_list buffers(c.memory, vectors, vector_count);
  static_cast<void>(c.memory.load<size>(count));
  const message m = receive(d.fd, buffers, host_flags);
  if (m.error != EAGAIN || d.has_flag(fdflag::nonblock)) return report_received(c.guest, c.memory, m, count, out_flags);
  return c.wait([&guest = c.guest, memory = c.memory, host = d.fd, buffers, host_flags, count, out_flags] {
    message received;
    do {
      await(host, POLLIN);
      received = receive(host, buffers, host_flags);
    } while (received.error == EAGAIN);
    return report_received(guest, memory, received, count, out_flags);
  });
}

outcome report_sent(context& guest, const guest_memory& memory, const message& m, pointer count) {
  if (m.error != 0) return from_errno(m.error);
  guest.count_written(m.bytes);
  memory.store(count, static_cast<size>(m.bytes));
  return errc::success;
}

outcome sock_send(call& c, fd_number fd, pointer vectors, size vector_count, std::uint32_t flags, pointer count) {
  const descriptor& d = socket_at(c, fd, right::fd_write);
  if (flags != 0) return errc::inval;
  const buffer_list buffers(c.memory, vectors, vector_count);
  static_cast<void>(c.memory.load<size>(count));
  c.guest.check_output(buffers.bytes());
  const message m = send(d.fd, buffers);
  if (m.error != EAGAIN || d.has_flag(fdflag::nonblock)) return report_sent(c.guest, c.memory, m, count);
  return c.wait([&guest = c.guest, memory = c.memory, host = d.fd, buffers, count] {
    message sent;
    do {
      await(host, POLLOUT);
      sent = send(host, buffers);
    } while (sent.error == EAGAIN);
    return report_sent(guest, memory, sent, count);
  });
}

outcome sock_shutdown(call& c, fd_number fd, std::uint32_t how) {
  constexpr std::array<int, 4> host_how = {-1, SHUT_RD, SHUT_WR, SHUT_RDWR};
  const descriptor& d = socket_at(c, fd, right::sock_shutdown);
  if (how == 0 || how >= host_how.size()) return errc::inval;
  return ::shutdown(d.fd, host_how.at(how)) == 0 ? errc::success : from_errno(errno);
}

constexpr std::array functions = {
    may_wait<&sock_accept>("sock_accept"),
    may_wait<&sock_recv>("sock_recv"),
    may_wait<&sock_send>("sock_send"),
    at_once<&sock_shutdown>("sock_shutdown"),
};

}  // namespace

std::span<const definition> socket_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
