// Pipes: bytes from one descriptor to another, within a process or between processes.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/io/detail/asio_stream.hpp>
#include <weft/io/detail/open_descriptor.hpp>

namespace weft::io {

// The end that is read; closed when destroyed. Move-only. As for all of io: calls that park are cancellation points, throw
// std::system_error, and block the thread outside weft's fibers.
class pipe_reader : public detail::asio_readable<pipe_reader> {
 public:
  pipe_reader() = default;
  // Takes the descriptor over.
  [[nodiscard]] static pipe_reader adopt(int fd);

  // Bytes read, at least one; 0 when every writer is closed (or the buffer is empty). Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  // The same into several buffers, one after the other. Parks.
  std::size_t read_vectors(std::span<const iovec> buffers);
  // The same with the error in `error` instead of thrown; 0 then, too.
  std::size_t read_some(std::span<std::byte> buffer, std::error_code& error);
  // Buffers of Asio's: see <weft/io/asio.hpp>.
  using asio_readable<pipe_reader>::read_some;

  // Closes; calls of other fibers that wait on it throw std::system_error (ECANCELED), and their end is awaited.
  void close() { descriptor_.close(); }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 private:
  explicit pipe_reader(detail::descriptor_handle descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  detail::descriptor_handle descriptor_;
};

// The end that is written; closed when destroyed. Move-only. Writing when every reader is closed raises SIGPIPE as write(2) does;
// a program that wants std::system_error (EPIPE) instead ignores that signal.
class pipe_writer : public detail::asio_writable<pipe_writer> {
 public:
  pipe_writer() = default;
  // Takes the descriptor over.
  [[nodiscard]] static pipe_writer adopt(int fd);

  // Bytes that the pipe took, at least one unless there are none. Parks.
  std::size_t write_some(std::span<const std::byte> data);
  // The same from several buffers, by one system call. Parks.
  std::size_t write_vectors(std::span<const iovec> data);
  // The same with the error in `error` instead of thrown; 0 then.
  std::size_t write_some(std::span<const std::byte> data, std::error_code& error);
  using asio_writable<pipe_writer>::write_some;
  // Returns when the pipe has taken everything. Parks.
  void write_all(std::span<const std::byte> data);
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }
  void write_all(std::span<const std::byte> data, std::error_code& error);

  // As pipe_reader::close().
  void close() { descriptor_.close(); }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 private:
  explicit pipe_writer(detail::descriptor_handle descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  detail::descriptor_handle descriptor_;
};

// A new pipe; both ends close-on-exec. Throws std::system_error. Does not park.
[[nodiscard]] std::pair<pipe_reader, pipe_writer> make_pipe();

}  // namespace weft::io
