#include <weft/io/udp.hpp>

#include <string>
#include <utility>

#include <weft/io/detail/inet_socket.hpp>
#include <weft/io/detail/socket_calls.hpp>

namespace weft::io {

namespace {

using detail::check_at;
using detail::datagram_place;
using detail::descriptor_handle;
using detail::descriptor_use;

std::string describe(int fd) { return "UDP socket on " + detail::own_name_of(fd); }

received_from from_place(const datagram_place& place) {
  return {{place.result}, address(place.from.data(), place.from.size)};
}

}  // namespace

udp_socket::udp_socket(int fd) : datagram_socket(descriptor_handle(fd, &describe)) {}

udp_socket udp_socket::make(const address& where, const udp_options& options) {
  udp_socket socket(check_at(detail::make_socket(where.family(), SOCK_DGRAM), "make a UDP socket for", where));
  const auto set = [&](bool on, int option, const char* action) {
    if (on) check_at(detail::set_option(socket.native_handle(), SOL_SOCKET, option, 1), action, where);
  };
  set(options.reuse_address, SO_REUSEADDR, "set SO_REUSEADDR for");
  set(options.reuse_port, SO_REUSEPORT, "set SO_REUSEPORT for");
  set(options.broadcast, SO_BROADCAST, "set SO_BROADCAST for");
  return socket;
}

udp_socket::udp_socket(const address& where, const udp_options& options) : udp_socket(make(where, options)) {
  detail::check_bound(detail::bind_to(native_handle(), where.data(), where.size()), "bind a UDP socket to", where);
}

udp_socket udp_socket::connect(const address& peer, const udp_options& options) {
  udp_socket socket = make(peer, options);
  socket.set_peer(peer);
  return socket;
}

void udp_socket::set_peer(const address& peer) {
  const descriptor_use use(descriptor_, "connect");
  check_at(detail::set_peer(use.fd(), peer.data(), peer.size()), "connect a UDP socket to", peer);
}

void udp_socket::send_to(std::span<const std::byte> data, const address& to) {
  send_one({.data = data, .to = to.data(), .to_size = to.size()});
}

void udp_socket::send_to(std::span<const std::byte> data, const address& to, std::error_code& error) {
  send_one({.data = data, .to = to.data(), .to_size = to.size()}, error);
}

received_from udp_socket::receive_from(std::span<std::byte> buffer) {
  datagram_place place{.buffer = buffer, .result = {}, .from = {}};
  receive_one(place);
  return from_place(place);
}

received_from udp_socket::receive_from(std::span<std::byte> buffer, std::error_code& error) {
  datagram_place place{.buffer = buffer, .result = {}, .from = {}};
  receive_one(place, error);
  return error ? received_from() : from_place(place);
}

std::size_t udp_socket::send_many(std::span<const outgoing_datagram> datagrams) {
  return send_row(datagrams.size(), [datagrams](std::size_t i) -> detail::datagram_to_send {
    const outgoing_datagram& d = datagrams[i];
    return {.data = d.data, .to = d.to.data(), .to_size = d.to.size()};
  });
}

std::size_t udp_socket::send_many(std::span<const std::span<const std::byte>> datagrams) {
  return send_row(datagrams.size(),
                  [datagrams](std::size_t i) -> detail::datagram_to_send { return {.data = datagrams[i]}; });
}

std::size_t udp_socket::receive_many(std::span<incoming_datagram> places) {
  return receive_row(
      places.size(), [places](std::size_t i) { return places[i].buffer; },
      [places](std::size_t i, const datagram_place& came) {
        incoming_datagram& place = places[i];
        place.size = came.result.size;
        place.truncated = came.result.truncated;
        place.from = address(came.from.data(), came.from.size);
      });
}

address udp_socket::peer_address() const {
  return detail::peer_address(descriptor_use(descriptor_, "find the peer of"));
}

address udp_socket::local_address() const {
  return detail::own_address(descriptor_use(descriptor_, "find the address of"));
}

}  // namespace weft::io
