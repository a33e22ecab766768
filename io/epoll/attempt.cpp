#include <weft/io/epoll/attempt.hpp>

#include <sys/epoll.h>

#include <cerrno>
#include <cstddef>
#include <span>

#include <weft/io/detail/system_calls.hpp>

namespace weft::io::epoll {

namespace {

using detail::opcode;
using detail::operation;

std::span<const iovec> vectors_of(const operation& op) noexcept {
  return {static_cast<const iovec*>(op.data), op.size};
}
std::span<std::byte> bytes_of(const operation& op) noexcept { return {static_cast<std::byte*>(op.data), op.size}; }

// Terminals, and pipes before Linux 6.4, do not know RWF_NOWAIT.
std::int64_t transfer(const operation& op, std::int64_t (*now)(int, std::span<const iovec>, std::int64_t) noexcept,
                      std::int64_t (*blocking)(int, std::span<const iovec>, std::int64_t) noexcept) noexcept {
  const std::int64_t result = now(op.fd, vectors_of(op), op.offset);
  if (result != -EOPNOTSUPP) return result;
  return detail::is_nonblocking(op.fd) ? blocking(op.fd, vectors_of(op), op.offset) : must_block;
}

}  // namespace

std::int64_t attempt(const operation& op, std::uint32_t events) noexcept {
  const auto flags = static_cast<int>(op.flags);
  switch (op.code) {
    case opcode::read:
      return transfer(op, &detail::read_now, &detail::read_blocking);
    case opcode::write:
      return transfer(op, &detail::write_now, &detail::write_blocking);
    case opcode::receive:
      return detail::receive(op.fd, bytes_of(op), flags | MSG_DONTWAIT);
    case opcode::send:
      return detail::send(op.fd, bytes_of(op), flags | MSG_DONTWAIT);
    case opcode::accept:
      return detail::is_nonblocking(op.fd) ? detail::accept_blocking(op.fd, flags) : must_block;
    case opcode::connect:
      return detail::socket_error(op.fd);
    case opcode::poll:
      return static_cast<std::int64_t>(events & (op.flags | EPOLLERR | EPOLLHUP));
    case opcode::sync:
    case opcode::open:
      break;
  }
  return must_block;
}

std::int64_t readiness_of_file(const operation& op) noexcept {
  return static_cast<std::int64_t>(op.flags & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM));
}

}  // namespace weft::io::epoll
