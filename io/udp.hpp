// UDP over IPv4 and IPv6: datagrams, each of which arrives whole, late, twice or not at all.
//
//   weft::io::udp_socket server{"127.0.0.1:5353"};
//   std::array<std::byte, 1500> buffer;
//   for (;;) {
//     const auto question = server.receive_from(buffer);     // parks this fiber
//     server.send_to(answer(std::span(buffer).first(question.size)), question.from);
//   }
//
// Each call that parks is a cancellation point: it throws `cancelled` when its scope is cancelled, and a datagram is then still there for the
// next reader. All throw std::system_error; forms with a std::error_code report the errno there instead. Outside weft's fibers the calls
// block the thread. Calls are tried at once; one that has to wait costs an operation for readiness and the call again.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

#include <weft/io/address.hpp>
#include <weft/io/detail/datagram_socket.hpp>

namespace weft::io {

struct udp_options {
  // Lets several sockets of this machine have the port: for multicast and broadcast, where each gets a copy.
  bool reuse_address = false;
  // Lets several sockets share the port; the kernel spreads datagrams over them by their senders.
  bool reuse_port = false;
  // Allows sending to broadcast addresses.
  bool broadcast = false;
};

// As received, and the sender.
struct received_from : received {
  address from;
};

struct outgoing_datagram {
  std::span<const std::byte> data;
  address to;
};

struct incoming_datagram {
  std::span<std::byte> buffer;  // set by the caller, the rest by receive_many()
  std::size_t size = 0;
  bool truncated = false;
  address from;
};

// A socket; closed when destroyed. Move-only. Several fibers may use one at once.
class udp_socket : public detail::datagram_socket {
 public:
  // Holds no socket.
  udp_socket() = default;

  // Bound to an address; with port 0 to one that the system chooses (see local_address). "[::]:53" hears IPv4 as well. Does not park.
  explicit udp_socket(const address& where, const udp_options& options = {});

  // A socket with a peer, bound to whatever the system chooses.
  [[nodiscard]] static udp_socket connect(const address& peer, const udp_options& options = {});

  // Takes over a datagram socket, which must be in blocking mode for best performance.
  [[nodiscard]] static udp_socket adopt(int fd) { return udp_socket(fd); }

  // From now on send() goes to this peer, and only what it sends is received. That nobody listens there is learnt from a later call, which
  // throws ECONNREFUSED; that call has then sent or received nothing. May be called again. Does not park.
  void set_peer(const address& peer);

  // A datagram goes as a whole or not at all (EMSGSIZE). Parks while the system has no room.
  void send_to(std::span<const std::byte> data, const address& to);
  void send_to(std::span<const std::byte> data, const address& to, std::error_code& error);
  void send_to(std::string_view text, const address& to) { send_to(std::as_bytes(std::span(text)), to); }

  // The next datagram and who sent it. Parks. With an error the sender is 0.0.0.0:0.
  received_from receive_from(std::span<std::byte> buffer);
  received_from receive_from(std::span<std::byte> buffer, std::error_code& error);

  // Sends one after another with few system calls (sendmmsg); the second form to the connected peer. Returns how many went: all, unless one
  // failed or the scope was cancelled in between, which the next call tells. Throws if that was so for the first. Parks while the system has no room.
  std::size_t send_many(std::span<const outgoing_datagram> datagrams);
  std::size_t send_many(std::span<const std::span<const std::byte>> datagrams);

  // Waits for one and takes what else is there in the same system call (recvmmsg), 32 at most. Returns how many came; the others are left as
  // they were. 0 only if there is no place for any. Parks.
  std::size_t receive_many(std::span<incoming_datagram> places);

  // Multicast: datagrams for a group (224.0.0.0/4, ff00::/8) reach each socket that has joined it and is bound to the datagram's port; several on one
  // machine need udp_options::reuse_address. Membership ends with the socket. The group's port does not matter. An interface is named as `ip link`
  // does; without one the routing table chooses. A group is joined on each interface by itself. None of these parks. They throw std::system_error: ENODEV for
  // an interface that is not there, EINVAL for an address that is no group, EADDRINUSE, EADDRNOTAVAIL for one that is joined already, or not.
  void join(const address& group, std::string_view interface = {});
  void leave(const address& group, std::string_view interface = {});
  // Where datagrams to groups leave the machine.
  void set_multicast_interface(std::string_view interface);
  // How many networks they may cross, 0 to 255: 0 stays on this machine, 1 (the default) in its network. Throws std::invalid_argument for others.
  void set_multicast_hops(int hops);
  // Whether members on this machine get them, too (the default).
  void set_multicast_loopback(bool on);

  [[nodiscard]] address peer_address() const;
  [[nodiscard]] address local_address() const;

 private:
  explicit udp_socket(int fd);
  static udp_socket make(const address& where, const udp_options& options);
};

}  // namespace weft::io
