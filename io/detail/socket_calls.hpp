// System calls on sockets as plain functions: they return what the call returns, or a negative errno. Out of line for the reason that
// system_calls.hpp gives. None of them parks.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace weft::io::detail {

// The name of a socket's own end, or of its peer's.
struct socket_name {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  [[nodiscard]] sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

std::int64_t make_socket(int family, int type) noexcept;  // close-on-exec
std::int64_t bind_to(int fd, const sockaddr* where, socklen_t size) noexcept;
std::int64_t listen_on(int fd, int backlog) noexcept;
std::int64_t shut_down_write(int fd) noexcept;
std::int64_t set_option(int fd, int level, int option, int value) noexcept;
std::int64_t option_of(int fd, int level, int option) noexcept;
std::int64_t set_reset_on_close(int fd) noexcept;
// connect(2) where it does not wait: for datagram sockets.
std::int64_t set_peer(int fd, const sockaddr* peer, socklen_t size) noexcept;

std::int64_t find_own_name(int fd, socket_name& name) noexcept;
std::int64_t find_peer_name(int fd, socket_name& name) noexcept;
// For messages, of any family: "127.0.0.1:80", "/run/server.sock", "an unknown address".
std::string own_name_of(int fd);
std::string peer_name_of(int fd);

}  // namespace weft::io::detail
