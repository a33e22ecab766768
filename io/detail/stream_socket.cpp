#include <weft/io/detail/stream_socket.hpp>

#include <cerrno>
#include <string>

#include <weft/io/detail/report.hpp>
#include <weft/io/detail/socket_calls.hpp>
#include <weft/io/detail/transfer.hpp>

namespace weft::io::detail {

namespace {

// Reads until the buffer is full or read(rest) returns 0; returns what is missing.
template <class Read>
std::size_t fill(std::span<std::byte> buffer, Read read) {
  while (!buffer.empty()) {
    const std::size_t n = read(buffer);
    if (n == 0) break;
    buffer = buffer.subspan(n);
  }
  return buffer.size();
}

}  // namespace

std::string stream_socket::describe(int fd) { return "connection with " + peer_name_of(fd); }

std::size_t stream_socket::read_some(std::span<std::byte> buffer) {
  const descriptor_use use(descriptor_, "read from");
  return static_cast<std::size_t>(use.check(receive_some(use.fd(), buffer, use.target())));
}

std::size_t stream_socket::read_some(std::span<std::byte> buffer, std::error_code& error) {
  const descriptor_use use(descriptor_, error);
  return use ? report(receive_some(use.fd(), buffer, use.target()), error) : 0;
}

std::size_t stream_socket::read_vectors(std::span<const iovec> buffers) {
  const descriptor_use use(descriptor_, "read from");
  return static_cast<std::size_t>(use.check(receive_vectors(use.fd(), buffers, use.target())));
}

bool stream_socket::read_exactly(std::span<std::byte> buffer) {
  const std::size_t missing = fill(buffer, [this](std::span<std::byte> rest) { return read_some(rest); });
  if (missing == 0) return true;
  if (missing == buffer.size()) return false;
  throw std::system_error(ECONNABORTED, std::generic_category(),
                          "weft::io: cannot read " + std::to_string(buffer.size()) + " bytes from " +
                              describe(native_handle()) + ": the peer ended its side after " +
                              std::to_string(buffer.size() - missing));
}

bool stream_socket::read_exactly(std::span<std::byte> buffer, std::error_code& error) {
  error.clear();
  const std::size_t missing = fill(buffer, [&](std::span<std::byte> rest) { return read_some(rest, error); });
  if (missing != 0 && missing != buffer.size() && !error) error.assign(ECONNABORTED, std::generic_category());
  return missing == 0;
}

std::size_t stream_socket::write_some(std::span<const std::byte> data) {
  const descriptor_use use(descriptor_, "write to");
  return static_cast<std::size_t>(use.check(send_some(use.fd(), data, use.target())));
}

std::size_t stream_socket::write_some(std::span<const std::byte> data, std::error_code& error) {
  const descriptor_use use(descriptor_, error);
  return use ? report(send_some(use.fd(), data, use.target()), error) : 0;
}

std::size_t stream_socket::write_vectors(std::span<const iovec> data) {
  const descriptor_use use(descriptor_, "write to");
  return static_cast<std::size_t>(use.check(send_vectors(use.fd(), data, use.target())));
}

void stream_socket::write_all(std::span<const std::byte> data) {
  while (!data.empty()) data = data.subspan(write_some(data));
}

void stream_socket::write_all(std::span<const std::byte> data, std::error_code& error) {
  error.clear();
  while (!data.empty() && !error) data = data.subspan(write_some(data, error));
}

void stream_socket::shutdown_write() {
  const descriptor_use use(descriptor_, "end the writing side of");
  use.check(shut_down_write(use.fd()));
}

}  // namespace weft::io::detail
