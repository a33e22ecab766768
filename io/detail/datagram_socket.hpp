// A socket for datagrams: what udp_socket and unix_datagram do alike.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <system_error>

#include <weft/io/detail/socket_base.hpp>
#include <weft/io/detail/socket_calls.hpp>

namespace weft::io {

// What came of one datagram.
struct received {
  std::size_t size = 0;    // bytes in the buffer
  bool truncated = false;  // the datagram was longer than the buffer: its end is lost
};

namespace detail {

// A call's place for one datagram, and what came of it.
struct datagram_place {
  std::span<std::byte> buffer;
  received result;
  socket_name from;
};

struct datagram_to_send {
  std::span<const std::byte> data;
  const sockaddr* to = nullptr;  // null: the connected peer
  socklen_t to_size = 0;
};

// Closed when destroyed. Move-only. Any number of fibers may send and receive at once: each datagram goes to one of them.
class datagram_socket : public data_socket {
 public:
  // To the connected peer; EDESTADDRREQ if there is none. A datagram goes as a whole or not at all. Parks while the system has no room.
  void send(std::span<const std::byte> data);
  void send(std::span<const std::byte> data, std::error_code& error);
  void send(std::string_view text) { send(std::as_bytes(std::span(text))); }

  // The next datagram. Parks.
  received receive(std::span<std::byte> buffer);
  received receive(std::span<std::byte> buffer, std::error_code& error);

 protected:
  using data_socket::data_socket;

  void send_one(const datagram_to_send& datagram);
  void send_one(const datagram_to_send& datagram, std::error_code& error);
  void receive_one(datagram_place& place);
  void receive_one(datagram_place& place, std::error_code& error);

  // `get` and `buffer` give the nth of so many; `put` takes what came for it. Return how many went or came, at least one unless `count` is 0.
  std::size_t send_row(std::size_t count, const std::function<datagram_to_send(std::size_t)>& get);
  std::size_t receive_row(std::size_t count, const std::function<std::span<std::byte>(std::size_t)>& buffer,
                          const std::function<void(std::size_t, const datagram_place&)>& put);
};

}  // namespace detail

}  // namespace weft::io
