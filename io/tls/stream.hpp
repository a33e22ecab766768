// TLS over a stream.
//
//   weft::io::tls_context context = weft::io::tls_context::client();
//   weft::io::tls_stream s = weft::io::tls_stream::connect(context, weft::io::tcp_stream::connect(address), "example.org");
//   s.write_all(request);
//   while (const std::size_t n = s.read_some(buffer)) use(buffer, n);
//
// Guarantees: a server's certificate is checked against those whom the context trusts and against the host's name before a byte of the caller's is
// sent; the end of the stream is the peer's word (close_notify), and a connection that just ends is an error (tls_errc::truncated).
// One fiber may read while another writes: OpenSSL's object is locked for each of its calls, never while waiting for the peer.
// Each call that parks is a cancellation point and heeds deadlines. A cancelled read loses nothing; what a cancelled write has encrypted is sent
// by the next write, so that the connection stays usable. All throw std::system_error, with codes of the connection under it or tls_errc, or have a
// form that gives the code instead, and 0 for bytes.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <weft/io/any_stream.hpp>
#include <weft/io/detail/asio_stream.hpp>
#include <weft/io/tls/context.hpp>
#include <weft/io/tls/error.hpp>

namespace weft::io {

namespace detail {
class tls_session;
}

// An encrypted connection. Move-only. Being destroyed it closes the connection under it without a goodbye, which the peer takes for an
// error: call shutdown_write() first. Moving, assigning and destroying are not safe against other uses; close() is.
class tls_stream : public detail::asio_readable<tls_stream>, public detail::asio_writable<tls_stream> {
 public:
  // Holds no connection.
  tls_stream() noexcept;
  ~tls_stream();
  tls_stream(tls_stream&& other) noexcept;
  tls_stream& operator=(tls_stream&& other) noexcept;

  // Shakes hands as a client, over a connection that this owns from now on. `host` is the server's name, or its numeric address, as it must be
  // in its certificate; it is told to the server, too (SNI). Parks.
  [[nodiscard]] static tls_stream connect(const tls_context& context, any_stream connection, std::string_view host);

  // Shakes hands as a server; best on a fiber of the connection's own, since a client may take its time. Parks.
  [[nodiscard]] static tls_stream accept(const tls_context& context, any_stream connection);

  // Both with what goes wrong, with the connection or with TLS, in `error`; then the stream holds no connection.
  [[nodiscard]] static tls_stream connect(const tls_context& context, any_stream connection, std::string_view host,
                                          std::error_code& error);
  [[nodiscard]] static tls_stream accept(const tls_context& context, any_stream connection, std::error_code& error);

  // Bytes received, at least one; 0 when the peer has said that this is the end (or the buffer is empty). Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  std::size_t read_vectors(std::span<const iovec> buffers);
  std::size_t read_some(std::span<std::byte> buffer, std::error_code& error);
  using asio_readable<tls_stream>::read_some;

  // Bytes taken, at least one unless there are none, at most 64 KiB. Parks until the system has them all.
  std::size_t write_some(std::span<const std::byte> data);
  std::size_t write_vectors(std::span<const iovec> data);
  std::size_t write_some(std::span<const std::byte> data, std::error_code& error);
  using asio_writable<tls_stream>::write_some;

  // Returns when the system has taken everything. Parks.
  void write_all(std::span<const std::byte> data);
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }
  void write_all(std::span<const std::byte> data, std::error_code& error);

  // Tells the peer that nothing more will come (close_notify), and ends the writing side of the connection under it; reading goes on. Parks.
  void shutdown_write();
  void shutdown_write(std::error_code& error);

  // Closes the connection under it. Calls of other fibers that wait on it throw std::system_error (ECANCELED). Any thread; parks only if others
  // use it.
  void close();
  [[nodiscard]] bool is_open() const noexcept { return native_handle() >= 0; }
  // Of the connection under it; -1 if it is not open. What it says of readiness tells little: bytes may have been received already.
  [[nodiscard]] int native_handle() const noexcept;

  // The application protocol agreed upon (ALPN); empty if there is none.
  [[nodiscard]] std::string protocol() const;
  // Of a server: the name that the client asked for (SNI); empty if it gave none. Of a client: the host.
  [[nodiscard]] std::string server_name() const;
  // The subject of the peer's certificate that was verified, as in "CN=alice,O=Example" (RFC 2253); empty if the peer showed none or nobody
  // asked for it.
  [[nodiscard]] std::string peer_name() const;
  // "TLSv1.3"
  [[nodiscard]] std::string version() const;
  // Whether an earlier connection's session was resumed.
  [[nodiscard]] bool resumed() const;

 private:
  explicit tls_stream(std::unique_ptr<detail::tls_session> session) noexcept;
  [[nodiscard]] detail::tls_session& session(const char* action) const;

  std::unique_ptr<detail::tls_session> session_;
};

}  // namespace weft::io
