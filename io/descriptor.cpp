#include <weft/io/descriptor.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include <weft/io/detail/poll_many.hpp>
#include <weft/io/detail/report.hpp>
#include <weft/io/detail/system_calls.hpp>
#include <weft/io/detail/transfer.hpp>

namespace weft::io {

namespace {

using vectors = std::span<const iovec>;
using detail::report;
using detail::short_count;

int report_descriptor(std::int64_t result, std::error_code& error) noexcept {
  const auto fd = static_cast<int>(report(result, error));
  return error ? -1 : fd;
}

std::string on(const char* action, int fd) {
  return std::string("weft::io: cannot ") + action + " descriptor " + std::to_string(fd);
}

void check(const std::error_code& error, const char* action, int fd) {
  if (error) throw std::system_error(error, on(action, fd));
}

iovec vector_of(std::span<const std::byte> buffer) noexcept {
  return {const_cast<std::byte*>(buffer.data()), buffer.size()};
}

std::int64_t at(std::uint64_t offset) noexcept {
  return offset > INT64_MAX ? -EINVAL : static_cast<std::int64_t>(offset);
}

}  // namespace

std::size_t read(int fd, vectors buffers, std::error_code& error) {
  return report(detail::read(fd, buffers, detail::operation::current_position, short_count::look_at_file), error);
}

std::size_t read(int fd, vectors buffers) {
  std::error_code error;
  const std::size_t n = read(fd, buffers, error);
  check(error, "read from", fd);
  return n;
}

std::size_t read(int fd, std::span<std::byte> buffer, std::error_code& error) {
  const iovec one = vector_of(buffer);
  return read(fd, vectors(&one, 1), error);
}

std::size_t read(int fd, std::span<std::byte> buffer) {
  const iovec one = vector_of(buffer);
  return read(fd, vectors(&one, 1));
}

std::size_t write(int fd, vectors buffers, std::error_code& error) {
  return report(detail::write(fd, buffers, detail::operation::current_position, short_count::look_at_file), error);
}

std::size_t write(int fd, vectors buffers) {
  std::error_code error;
  const std::size_t n = write(fd, buffers, error);
  check(error, "write to", fd);
  return n;
}

std::size_t write(int fd, std::span<const std::byte> buffer, std::error_code& error) {
  const iovec one = vector_of(buffer);
  return write(fd, vectors(&one, 1), error);
}

std::size_t write(int fd, std::span<const std::byte> buffer) {
  const iovec one = vector_of(buffer);
  return write(fd, vectors(&one, 1));
}

void write_all(int fd, std::span<const std::byte> buffer) {
  while (!buffer.empty()) buffer = buffer.subspan(write(fd, buffer));
}

std::size_t pread(int fd, vectors buffers, std::uint64_t offset, std::error_code& error) {
  const std::int64_t where = at(offset);
  return report(where < 0 ? where : detail::read(fd, buffers, where, short_count::means_end), error);
}

std::size_t pread(int fd, vectors buffers, std::uint64_t offset) {
  std::error_code error;
  const std::size_t n = pread(fd, buffers, offset, error);
  check(error, "read at an offset from", fd);
  return n;
}

std::size_t pwrite(int fd, vectors buffers, std::uint64_t offset, std::error_code& error) {
  const std::int64_t where = at(offset);
  return report(where < 0 ? where : detail::write(fd, buffers, where, short_count::means_end), error);
}

std::size_t pwrite(int fd, vectors buffers, std::uint64_t offset) {
  std::error_code error;
  const std::size_t n = pwrite(fd, buffers, offset, error);
  check(error, "write at an offset to", fd);
  return n;
}

std::size_t try_read(int fd, vectors buffers, std::error_code& error) noexcept {
  const std::int64_t result = detail::read_now(fd, buffers, detail::operation::current_position);
  return report(result == -EOPNOTSUPP ? -EAGAIN : result, error);
}

std::size_t try_write(int fd, vectors buffers, std::error_code& error) noexcept {
  const std::int64_t result = detail::write_now(fd, buffers, detail::operation::current_position);
  return report(result == -EOPNOTSUPP ? -EAGAIN : result, error);
}

int accept(int fd, std::error_code& error) { return report_descriptor(detail::accept_one(fd, nullptr), error); }

int accept(int fd) {
  std::error_code error;
  const int accepted = accept(fd, error);
  check(error, "accept from", fd);
  return accepted;
}

int open(const std::string& path, int flags, unsigned permissions, std::error_code& error) {
  return report_descriptor(detail::open_file(path.c_str(), flags | O_CLOEXEC, permissions), error);
}

int open(const std::string& path, int flags, unsigned permissions) {
  std::error_code error;
  const int fd = open(path, flags, permissions, error);
  if (error) throw std::system_error(error, "weft::io: cannot open '" + path + "'");
  return fd;
}

void sync(int fd, bool data_only, std::error_code& error) { report(detail::sync(fd, data_only, nullptr), error); }

void sync(int fd, bool data_only) {
  std::error_code error;
  sync(fd, data_only, error);
  check(error, "sync", fd);
}

std::size_t poll_many(std::span<pollfd> descriptors, std::chrono::steady_clock::time_point limit,
                      std::error_code& error) {
  return report(detail::poll_many(descriptors, limit), error);
}

std::size_t poll_many(std::span<pollfd> descriptors, std::chrono::steady_clock::time_point limit) {
  std::error_code error;
  const std::size_t ready = poll_many(descriptors, limit, error);
  if (error)
    throw std::system_error(error, "weft::io: cannot wait for " + std::to_string(descriptors.size()) + " descriptors");
  return ready;
}

std::size_t poll_now(std::span<pollfd> descriptors) noexcept {
  if (descriptors.empty()) return 0;
  return static_cast<std::size_t>(
      std::max<std::int64_t>(detail::poll_blocking(descriptors, std::chrono::nanoseconds(0)), 0));
}

}  // namespace weft::io
