// What all kinds of sockets have in common.
#pragma once

#include <cstddef>
#include <utility>

#include <weft/io/detail/open_descriptor.hpp>

namespace weft::io::detail {

class socket_base {
 public:
  // Closes. Calls of other fibers that wait on it throw std::system_error (ECANCELED), and their end is awaited. Closing twice
  // does nothing. Any thread; parks only if others use the socket.
  void close() { descriptor_.close(); }

  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  // -1 if it is not open. Still owned by the socket.
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 protected:
  socket_base() = default;
  explicit socket_base(descriptor_handle descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  socket_base(socket_base&&) noexcept = default;
  socket_base& operator=(socket_base&&) noexcept = default;
  ~socket_base() = default;

  descriptor_handle descriptor_;
};

// A socket that carries data.
class data_socket : public socket_base {
 public:
  // What the system may hold for the reader, or for the peer, in bytes. Linux takes twice the wish, as it counts its own
  // overhead, up to net.core.rmem_max and wmem_max; the second form tells what came of it. Do not park.
  void set_receive_buffer_size(std::size_t bytes);
  [[nodiscard]] std::size_t receive_buffer_size() const;
  void set_send_buffer_size(std::size_t bytes);
  [[nodiscard]] std::size_t send_buffer_size() const;

 protected:
  using socket_base::socket_base;
};

}  // namespace weft::io::detail
