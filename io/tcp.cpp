#include <weft/io/tcp.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <climits>
#include <utility>

#include <weft/io/detail/inet_socket.hpp>
#include <weft/io/detail/report.hpp>
#include <weft/io/detail/socket_calls.hpp>
#include <weft/io/detail/transfer.hpp>

namespace weft::io {

namespace {

using detail::check_at;
using detail::descriptor_use;

int seconds(std::chrono::seconds time) noexcept {
  return static_cast<int>(std::clamp<std::chrono::seconds::rep>(time.count(), INT_MIN, INT_MAX));
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- tcp_stream

tcp_stream tcp_stream::connect(const address& peer) {
  tcp_stream stream(check_at(detail::make_socket(peer.family(), SOCK_STREAM), "make a socket for", peer));
  const descriptor_use use(stream.descriptor_, "connect");
  check_at(detail::connect(use.fd(), peer.data(), peer.size(), use.target()), "connect to", peer);
  return stream;
}

tcp_stream tcp_stream::connect(const address& peer, std::error_code& error) {
  const auto fd = static_cast<int>(detail::report(detail::make_socket(peer.family(), SOCK_STREAM), error));
  if (error) return {};
  tcp_stream stream(fd);
  const descriptor_use use(stream.descriptor_, error);
  detail::report(detail::connect(use.fd(), peer.data(), peer.size(), use.target()), error);
  return error ? tcp_stream() : std::move(stream);
}

void tcp_stream::set_no_delay(bool on) {
  const descriptor_use use(descriptor_, "set TCP_NODELAY of");
  use.check(detail::set_option(use.fd(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0));
}

void tcp_stream::set_keep_alive(bool on, const keep_alive_options& options) {
  const descriptor_use use(descriptor_, "set SO_KEEPALIVE of");
  if (on) {
    use.check(detail::set_option(use.fd(), IPPROTO_TCP, TCP_KEEPIDLE, seconds(options.idle)));
    use.check(detail::set_option(use.fd(), IPPROTO_TCP, TCP_KEEPINTVL, seconds(options.interval)));
    use.check(detail::set_option(use.fd(), IPPROTO_TCP, TCP_KEEPCNT, options.probes));
  }
  use.check(detail::set_option(use.fd(), SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0));
}

void tcp_stream::reset() {
  {
    const descriptor_use use(descriptor_, "reset");
    use.check(detail::set_reset_on_close(use.fd()));
  }
  close();
}

address tcp_stream::peer_address() const {
  return detail::peer_address(descriptor_use(descriptor_, "find the peer of"));
}

address tcp_stream::local_address() const {
  return detail::own_address(descriptor_use(descriptor_, "find the address of"));
}

// ---------------------------------------------------------------------------------------------------- tcp_listener

tcp_listener::tcp_listener(const address& where, const listen_options& options)
    : tcp_listener(check_at(detail::make_socket(where.family(), SOCK_STREAM), "make a socket for", where),
                   options.shortage) {
  const int fd = native_handle();
  check_at(detail::set_option(fd, SOL_SOCKET, SO_REUSEADDR, options.reuse_address ? 1 : 0), "set SO_REUSEADDR for",
           where);
  if (options.reuse_port) check_at(detail::set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1), "set SO_REUSEPORT for", where);
  detail::check_bound(detail::bind_to(fd, where.data(), where.size()), "listen on", where);
  detail::check_bound(detail::listen_on(fd, options.backlog), "listen on", where);
}

tcp_listener tcp_listener::adopt(int fd, const shortage_options& shortage) {
  detail::check_listener(fd, AF_INET, AF_INET6);
  return {fd, shortage};
}

tcp_stream tcp_listener::accept() { return tcp_stream(accept_descriptor()); }

tcp_stream tcp_listener::accept(std::error_code& error) {
  const int fd = accept_descriptor(error);
  return fd < 0 ? tcp_stream() : tcp_stream(fd);
}

address tcp_listener::local_address() const {
  return detail::own_address(descriptor_use(descriptor_, "find the address of"));
}

}  // namespace weft::io
