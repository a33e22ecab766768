#include <weft/io/tcp.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <weft/io/detail/transfer.hpp>

namespace weft::io {

namespace {

using detail::descriptor_handle;
using detail::descriptor_use;
using name_function = int (*)(int, sockaddr*, socklen_t*);

// A negative errno, or zero.
[[gnu::noinline]] int look_up(name_function get, int fd, sockaddr_storage& storage, socklen_t& size) noexcept {
  size = sizeof storage;
  return get(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0 ? 0 : -errno;
}

address address_of(name_function get, const descriptor_use& use) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  use.check(look_up(get, use.fd(), storage, size));
  return {reinterpret_cast<const sockaddr*>(&storage), size};
}

std::string name_of(name_function get, int fd) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (look_up(get, fd, storage, size) < 0) return "an unknown address";
  try {
    return address(reinterpret_cast<const sockaddr*>(&storage), size).to_string();
  } catch (const std::system_error&) {
    return "a local socket";
  }
}

std::string describe_stream(int fd) { return "connection with " + name_of(&::getpeername, fd); }
std::string describe_listener(int fd) { return "listener on " + name_of(&::getsockname, fd); }

[[gnu::noinline]] int set_option(int fd, int level, int option, bool on) noexcept {
  const int value = on ? 1 : 0;
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}
[[gnu::noinline]] int make_socket(int family) noexcept {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd >= 0 ? fd : -errno;
}
[[gnu::noinline]] int bind_to(int fd, const address& where) noexcept {
  return ::bind(fd, where.data(), where.size()) == 0 ? 0 : -errno;
}
[[gnu::noinline]] int listen_on(int fd, int backlog) noexcept { return ::listen(fd, backlog) == 0 ? 0 : -errno; }
[[gnu::noinline]] int shut_down_write(int fd) noexcept { return ::shutdown(fd, SHUT_WR) == 0 ? 0 : -errno; }

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), "weft::io: cannot " + what);
}

int check(int result, const char* action, const address& where, const char* remedy = "") {
  if (result < 0) fail(-result, action + where.to_string() + remedy);
  return result;
}

const char* remedy_for_bind(int result) noexcept {
  switch (-result) {
    case EADDRINUSE:
      return " (another socket has that port: stop its owner, or use port 0 for a free one)";
    case EACCES:
      return " (ports below net.ipv4.ip_unprivileged_port_start need a privilege: use a higher one)";
    case EADDRNOTAVAIL:
      return " (this machine has no such address)";
    default:
      return "";
  }
}

// What accept(2) may report about the connection, rather than about the listener.
bool concerns_one_connection(std::int64_t result) noexcept {
  switch (-result) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- tcp_stream

tcp_stream tcp_stream::adopt(int fd) { return tcp_stream(descriptor_handle(fd, &describe_stream)); }

tcp_stream tcp_stream::connect(const address& peer) {
  tcp_stream stream(descriptor_handle(check(make_socket(peer.family()), "make a socket for ", peer), &describe_stream));
  const descriptor_use use(stream.descriptor_, "connect");
  const std::int64_t result = detail::connect(use.fd(), peer.data(), peer.size(), use.target());
  if (result < 0) fail(static_cast<int>(-result), "connect to " + peer.to_string());
  return stream;
}

std::size_t tcp_stream::read_some(std::span<std::byte> buffer) {
  const descriptor_use use(descriptor_, "read from");
  return static_cast<std::size_t>(use.check(detail::receive_some(use.fd(), buffer, use.target())));
}

std::size_t tcp_stream::read_vectors(std::span<const iovec> buffers) {
  const descriptor_use use(descriptor_, "read from");
  return static_cast<std::size_t>(use.check(detail::receive_vectors(use.fd(), buffers, use.target())));
}

bool tcp_stream::read_exactly(std::span<std::byte> buffer) {
  const std::size_t wanted = buffer.size();
  while (!buffer.empty()) {
    const std::size_t n = read_some(buffer);
    if (n == 0 && buffer.size() == wanted) return false;
    if (n == 0) {
      fail(ECONNABORTED, "read " + std::to_string(wanted) + " bytes from " + describe_stream(native_handle()) +
                             ": the peer ended its side after " + std::to_string(wanted - buffer.size()));
    }
    buffer = buffer.subspan(n);
  }
  return true;
}

std::size_t tcp_stream::write_some(std::span<const std::byte> data) {
  const descriptor_use use(descriptor_, "write to");
  return static_cast<std::size_t>(use.check(detail::send_some(use.fd(), data, use.target())));
}

std::size_t tcp_stream::write_vectors(std::span<const iovec> data) {
  const descriptor_use use(descriptor_, "write to");
  return static_cast<std::size_t>(use.check(detail::send_vectors(use.fd(), data, use.target())));
}

void tcp_stream::write_all(std::span<const std::byte> data) {
  while (!data.empty()) data = data.subspan(write_some(data));
}

void tcp_stream::shutdown_write() {
  const descriptor_use use(descriptor_, "end the writing side of");
  use.check(shut_down_write(use.fd()));
}

void tcp_stream::set_no_delay(bool on) {
  const descriptor_use use(descriptor_, "set TCP_NODELAY of");
  use.check(set_option(use.fd(), IPPROTO_TCP, TCP_NODELAY, on));
}

address tcp_stream::peer_address() const {
  return address_of(&::getpeername, descriptor_use(descriptor_, "find the peer of"));
}

address tcp_stream::local_address() const {
  return address_of(&::getsockname, descriptor_use(descriptor_, "find the address of"));
}

// ---------------------------------------------------------------------------------------------------- tcp_listener

tcp_listener::tcp_listener(const address& where, const listen_options& options)
    : descriptor_(check(make_socket(where.family()), "make a socket for ", where), &describe_listener) {
  const int fd = descriptor_.fd();
  check(set_option(fd, SOL_SOCKET, SO_REUSEADDR, options.reuse_address), "set SO_REUSEADDR for ", where);
  if (options.reuse_port) check(set_option(fd, SOL_SOCKET, SO_REUSEPORT, true), "set SO_REUSEPORT for ", where);
  const int bound = bind_to(fd, where);
  check(bound, "listen on ", where, remedy_for_bind(bound));
  const int listening = listen_on(fd, options.backlog);
  check(listening, "listen on ", where, remedy_for_bind(listening));
}

tcp_stream tcp_listener::accept() {
  const descriptor_use use(descriptor_, "accept from");
  std::int64_t result = 0;
  do {
    result = detail::accept_one(use.fd(), use.target());
  } while (concerns_one_connection(result));
  return tcp_stream::adopt(static_cast<int>(use.check(result)));
}

address tcp_listener::local_address() const {
  return address_of(&::getsockname, descriptor_use(descriptor_, "find the address of"));
}

}  // namespace weft::io
