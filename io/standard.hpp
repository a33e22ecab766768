// The process's own input and output.
//
//   for (std::string& line : weft::io::buffered_reader(weft::io::standard_input()).lines())
//     weft::io::standard_output().write_all(line + '\n');
//
// Whatever stands behind them (a terminal, a pipe, a file, a socket), a fiber that waits for it parks; with epoll regular files are read and written by
// helper threads. Nothing is buffered here, and none of C's stdio or C++'s iostream buffers is looked at: use one or the other. The
// descriptors 0, 1 and 2 are neither closed nor changed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

namespace weft::io {

// A value that stands for a descriptor which is not its own, and is read. All objects for one descriptor are the same stream. Each call that parks is a cancellation
// point and throws std::system_error; outside weft's fibers it blocks the thread.
class standard_input_stream {
 public:
  explicit standard_input_stream(int fd) noexcept : fd_(fd) {}

  // Bytes read, at least one; 0 at the end (or if the buffer is empty). A terminal's lines come one at a time. Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  std::size_t read_some(std::span<std::byte> buffer, std::error_code& error);

  [[nodiscard]] int native_handle() const noexcept { return fd_; }

 private:
  int fd_;
};

// The same for one that is written. When nobody reads what is written any more, SIGPIPE ends the process, as it does all in a pipeline; a program that
// ignores the signal gets std::system_error (EPIPE).
class standard_output_stream {
 public:
  explicit standard_output_stream(int fd) noexcept : fd_(fd) {}

  // Bytes written, at least one unless there are none. Parks.
  std::size_t write_some(std::span<const std::byte> data);
  std::size_t write_some(std::span<const std::byte> data, std::error_code& error);
  // Returns when everything is written. Parks.
  void write_all(std::span<const std::byte> data);
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }

  [[nodiscard]] int native_handle() const noexcept { return fd_; }

 private:
  int fd_;
};

[[nodiscard]] inline standard_input_stream standard_input() noexcept { return standard_input_stream(0); }
[[nodiscard]] inline standard_output_stream standard_output() noexcept { return standard_output_stream(1); }
[[nodiscard]] inline standard_output_stream standard_error() noexcept { return standard_output_stream(2); }

}  // namespace weft::io
