// A connected stream socket: what tcp_stream and unix_stream do alike.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/io/detail/asio_stream.hpp>
#include <weft/io/detail/socket_base.hpp>

namespace weft::io::detail {

// Closed when destroyed. Move-only. One fiber may read while another writes; several readers, or several writers, get the bytes in an
// order nobody promises. SIGPIPE is never raised: writing to a connection that is gone throws EPIPE. A writer whose peer does not
// read waits, and so slows down whoever feeds it.
//
// The second form of each call reports the errno in `error` (generic category) instead of throwing std::system_error. Both throw `cancelled`.
class stream_socket : public data_socket, public asio_readable<stream_socket>, public asio_writable<stream_socket> {
 public:
  // Bytes received, at least one; 0 when the peer has ended its side (or the buffer is empty). Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  std::size_t read_some(std::span<std::byte> buffer, std::error_code& error);
  // The same into several buffers, one after the other. Parks.
  std::size_t read_vectors(std::span<const iovec> buffers);
  // Buffers of Asio's: see <weft/io/asio.hpp>.
  using asio_readable<stream_socket>::read_some;

  // Fills the buffer. False if the peer had ended its side before the first byte; throws std::system_error (ECONNABORTED) if it
  // did so in the middle. Parks.
  [[nodiscard]] bool read_exactly(std::span<std::byte> buffer);
  [[nodiscard]] bool read_exactly(std::span<std::byte> buffer, std::error_code& error);

  // Bytes that the system took, at least one unless there are none. Parks.
  std::size_t write_some(std::span<const std::byte> data);
  std::size_t write_some(std::span<const std::byte> data, std::error_code& error);
  // The same from several buffers, by one system call. Parks.
  std::size_t write_vectors(std::span<const iovec> data);
  using asio_writable<stream_socket>::write_some;

  // Returns when the system has taken everything, which is not when it has arrived. After an error or a cancellation an unknown
  // part is on its way: the connection is then of no more use. Parks.
  void write_all(std::span<const std::byte> data);
  void write_all(std::span<const std::byte> data, std::error_code& error);
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }
  void write_all(std::string_view text, std::error_code& error) { write_all(std::as_bytes(std::span(text)), error); }

  // Tells the peer that nothing more will come; reading goes on. Does not park.
  void shutdown_write();

 protected:
  stream_socket() = default;
  // `fd` is taken over.
  explicit stream_socket(int fd) : data_socket(descriptor_handle(fd, &describe)) {}

  // "connection with 127.0.0.1:80"
  static std::string describe(int fd);
};

}  // namespace weft::io::detail
