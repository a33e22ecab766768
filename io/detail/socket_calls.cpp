#include <weft/io/detail/socket_calls.hpp>

#include <cerrno>
#include <system_error>

#include <weft/io/address.hpp>
#include <weft/io/detail/fault_point.hpp>
#include <weft/io/unix_address.hpp>

namespace weft::io::detail {

namespace {

std::int64_t outcome(int result) noexcept { return result >= 0 ? result : -errno; }

std::string text_of(const socket_name& name) {
  try {
    if (name.data()->sa_family == AF_UNIX) return unix_address(name.data(), name.size).to_string();
    return address(name.data(), name.size).to_string();
  } catch (const std::system_error&) {
    return "an address of another kind";
  }
}

}  // namespace

[[gnu::noinline]] std::int64_t make_socket(int family, int type) noexcept {
  const fault f = fault_before(faulty_call::socket, -1, 0);
  return f.result < 0 ? f.result : outcome(::socket(family, type | SOCK_CLOEXEC, 0));
}

[[gnu::noinline]] std::int64_t bind_to(int fd, const sockaddr* where, socklen_t size) noexcept {
  return outcome(::bind(fd, where, size));
}

[[gnu::noinline]] std::int64_t listen_on(int fd, int backlog) noexcept { return outcome(::listen(fd, backlog)); }

[[gnu::noinline]] std::int64_t shut_down_write(int fd) noexcept { return outcome(::shutdown(fd, SHUT_WR)); }

[[gnu::noinline]] std::int64_t set_option(int fd, int level, int option, int value) noexcept {
  return outcome(::setsockopt(fd, level, option, &value, sizeof value));
}

[[gnu::noinline]] std::int64_t option_of(int fd, int level, int option) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, option, &value, &size) == 0 ? value : -errno;
}

[[gnu::noinline]] std::int64_t set_reset_on_close(int fd) noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  return outcome(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
}

[[gnu::noinline]] std::int64_t set_peer(int fd, const sockaddr* peer, socklen_t size) noexcept {
  return outcome(::connect(fd, peer, size));
}

[[gnu::noinline]] std::int64_t find_own_name(int fd, socket_name& name) noexcept {
  return outcome(::getsockname(fd, name.data(), &name.size));
}

[[gnu::noinline]] std::int64_t find_peer_name(int fd, socket_name& name) noexcept {
  return outcome(::getpeername(fd, name.data(), &name.size));
}

std::string own_name_of(int fd) {
  socket_name name;
  return find_own_name(fd, name) < 0 ? "an unknown address" : text_of(name);
}

std::string peer_name_of(int fd) {
  socket_name name;
  return find_peer_name(fd, name) < 0 ? "an unknown address" : text_of(name);
}

}  // namespace weft::io::detail
