// What epoll is told to wait for, and the call that is made when that is there.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include <weft/io/detail/operation.hpp>

namespace weft::io::epoll {

// The epoll events that an operation waits for. EPOLLERR and EPOLLHUP are always waited for.
[[nodiscard]] inline std::uint32_t events_for(const detail::operation& op) noexcept {
  switch (op.code) {
    case detail::opcode::read:
    case detail::opcode::receive:
    case detail::opcode::accept:
      return EPOLLIN;
    case detail::opcode::write:
    case detail::opcode::send:
    case detail::opcode::connect:
      return EPOLLOUT;
    case detail::opcode::poll:
      return op.flags;
    case detail::opcode::sync:
    case detail::opcode::open:
      break;
  }
  return 0;
}

// The descriptor's kind knows of no attempt that does not wait: a thread must make the call.
inline constexpr std::int64_t must_block = INT64_MIN;

// Makes the call, given the events that are there. Its result, or -EAGAIN if somebody else was quicker, or must_block. Never waits.
[[nodiscard]] std::int64_t attempt(const detail::operation& op, std::uint32_t events) noexcept;

// A file is always ready.
[[nodiscard]] std::int64_t readiness_of_file(const detail::operation& op) noexcept;

}  // namespace weft::io::epoll
