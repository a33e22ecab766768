// TCP over IPv4 and IPv6.
//
//   weft::io::tcp_listener listener{"127.0.0.1:7000"};
//   for (;;) {
//     weft::io::tcp_stream client = listener.accept();    // parks this fiber; the worker runs others
//     clients.spawn([client = std::move(client)]() mutable { serve(client); });
//   }
//
// Each call that parks is a cancellation point: it throws `cancelled` when its scope is cancelled, after the operation has ended, so
// that a buffer is never touched after the call; one that succeeded first returns normally. All throw std::system_error, whose
// message names the peer. Outside weft's fibers the calls block the thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <weft/io/address.hpp>
#include <weft/io/detail/asio_stream.hpp>
#include <weft/io/detail/open_descriptor.hpp>

namespace weft::io {

// A connection; closed when destroyed. Move-only. One fiber may read while another writes; several readers, or several writers,
// get the bytes in an order nobody promises. SIGPIPE is never raised: writing to a connection that is gone throws EPIPE.
class tcp_stream : public detail::asio_readable<tcp_stream>, public detail::asio_writable<tcp_stream> {
 public:
  // Holds no connection.
  tcp_stream() = default;

  // Takes over a connected stream socket (any family), which must be in blocking mode for best performance.
  [[nodiscard]] static tcp_stream adopt(int fd);

  // Connects. Parks.
  [[nodiscard]] static tcp_stream connect(const address& peer);

  // Bytes received, at least one; 0 when the peer has ended its side (or the buffer is empty). Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  // The same into several buffers, one after the other. Parks.
  std::size_t read_vectors(std::span<const iovec> buffers);
  // Buffers of Asio's: see <weft/io/asio.hpp>.
  using asio_readable<tcp_stream>::read_some;

  // Fills the buffer. False if the peer had ended its side before the first byte; throws std::system_error (ECONNABORTED) if it
  // did so in the middle. Parks.
  [[nodiscard]] bool read_exactly(std::span<std::byte> buffer);

  // Bytes that the system took, at least one unless there are none. Parks.
  std::size_t write_some(std::span<const std::byte> data);
  // The same from several buffers, by one system call. Parks.
  std::size_t write_vectors(std::span<const iovec> data);
  using asio_writable<tcp_stream>::write_some;

  // Returns when the system has taken everything, which is not when it has arrived. After an error or a cancellation an unknown
  // part is on its way: the connection is then of no more use. Parks.
  void write_all(std::span<const std::byte> data);
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }

  // Tells the peer that nothing more will come; reading goes on. Does not park.
  void shutdown_write();

  // Small writes go out at once rather than waiting for the peer's acknowledgement of the last. Off at first. Does not park.
  void set_no_delay(bool on);

  [[nodiscard]] address peer_address() const;
  [[nodiscard]] address local_address() const;

  // Closes. Calls of other fibers that wait on it throw std::system_error (ECANCELED), and their end is awaited. Closing twice
  // does nothing. Any thread; parks only if others use the connection.
  void close() { descriptor_.close(); }

  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  // -1 if it is not open. Still owned by the stream.
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 private:
  explicit tcp_stream(detail::descriptor_handle descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  friend class tcp_listener;

  detail::descriptor_handle descriptor_;
};

struct listen_options {
  // Connections that may wait to be accepted; the system's limit applies (net.core.somaxconn).
  int backlog = 4096;
  // Lets a restarted server take its port although old connections linger.
  bool reuse_address = true;
  // Lets several listeners share the port; the kernel spreads connections over them.
  bool reuse_port = false;
};

// A socket that accepts connections; closed when destroyed. Move-only. Several fibers may accept at once. On the epoll engine the socket is set
// not to block (O_NONBLOCK) by the first accept(), which whoever is handed its descriptor should know.
class tcp_listener {
 public:
  // Holds no socket.
  tcp_listener() = default;

  // Listens; with port 0 on one that the system chooses (see local_address). Does not park.
  explicit tcp_listener(const address& where, const listen_options& options = {});

  // The next connection. Those that their peer gave up meanwhile are left out; with EMFILE or ENFILE (no descriptor left) the
  // connection stays in the queue and the call throws. Parks.
  [[nodiscard]] tcp_stream accept();

  [[nodiscard]] address local_address() const;

  // As tcp_stream::close().
  void close() { descriptor_.close(); }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 private:
  detail::descriptor_handle descriptor_;
};

}  // namespace weft::io
