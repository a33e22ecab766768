#include <weft/io/pipe.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/transfer.hpp>

namespace weft::io {

namespace {

using detail::descriptor_handle;
using detail::descriptor_use;
using detail::operation;
using detail::reported;
using detail::short_count;

std::string describe_reader(int fd) { return "pipe (reading end, descriptor " + std::to_string(fd) + ")"; }
std::string describe_writer(int fd) { return "pipe (writing end, descriptor " + std::to_string(fd) + ")"; }

}  // namespace

pipe_reader pipe_reader::adopt(int fd) { return pipe_reader(descriptor_handle(fd, &describe_reader)); }

std::size_t pipe_reader::read_some(std::span<std::byte> buffer) {
  const iovec whole{buffer.data(), buffer.size()};
  return read_vectors(std::span(&whole, 1));
}

std::size_t pipe_reader::read_vectors(std::span<const iovec> buffers) {
  const descriptor_use use(descriptor_, "read from");
  return static_cast<std::size_t>(
      use.check(detail::read(use.fd(), buffers, operation::current_position, short_count::is_enough, use.target())));
}

std::size_t pipe_reader::read_some(std::span<std::byte> buffer, std::error_code& error) {
  return reported(error, [&] { return read_some(buffer); });
}

pipe_writer pipe_writer::adopt(int fd) { return pipe_writer(descriptor_handle(fd, &describe_writer)); }

std::size_t pipe_writer::write_some(std::span<const std::byte> data) {
  const iovec whole{const_cast<std::byte*>(data.data()), data.size()};
  return write_vectors(std::span(&whole, 1));
}

std::size_t pipe_writer::write_vectors(std::span<const iovec> data) {
  const descriptor_use use(descriptor_, "write to");
  return static_cast<std::size_t>(
      use.check(detail::write(use.fd(), data, operation::current_position, short_count::is_enough, use.target())));
}

void pipe_writer::write_all(std::span<const std::byte> data) {
  while (!data.empty()) data = data.subspan(write_some(data));
}

std::size_t pipe_writer::write_some(std::span<const std::byte> data, std::error_code& error) {
  return reported(error, [&] { return write_some(data); });
}
void pipe_writer::write_all(std::span<const std::byte> data, std::error_code& error) {
  reported(error, [&] { write_all(data); });
}

[[gnu::noinline]] std::pair<pipe_reader, pipe_writer> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "weft::io: cannot make a pipe");
  }
  pipe_writer writer;
  try {
    writer = pipe_writer::adopt(ends[1]);
  } catch (...) {
    detail::close_now(ends[0]);
    throw;
  }
  return {pipe_reader::adopt(ends[0]), std::move(writer)};
}

}  // namespace weft::io
