// Reading and writing. What can be had at once is had at once; otherwise the fiber waits, with the guest stopped, and
// data go straight to and from the guest's memory.

#include <sys/uio.h>

#include <poll.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <weft/io/descriptor.hpp>
#include <weft/wasm/wasi/functions.hpp>
#include <weft/wasm/wasi/vectors.hpp>

namespace weft::wasm::wasi {

namespace {

errc to_errc(const std::error_code& error) noexcept { return from_errno(error.value()); }

bool would_wait(const std::error_code& error) noexcept { return error == std::errc::operation_would_block; }

// How a transfer ends: the count goes to the guest, or the error.
outcome report(const guest_memory& memory, pointer where, std::size_t count, const std::error_code& error) {
  if (error) return to_errc(error);
  memory.store(where, static_cast<size>(count));
  return errc::success;
}

outcome report_read(context& guest, const guest_memory& memory, pointer where, std::size_t count,
                    const std::error_code& error) {
  guest.count_read(count);
  return report(memory, where, count, error);
}

outcome report_written(context& guest, const guest_memory& memory, pointer where, std::size_t count,
                       const std::error_code& error) {
  guest.count_written(count);
  return report(memory, where, count, error);
}

// An open file or stream that may be read, or written; directories are told apart because programs ask.
descriptor& transferable(const call& c, fd_number fd, rights wanted) {
  descriptor& d = c.guest.descriptors().at(fd);
  if (d.is_directory()) throw failure{errc::isdir};
  d.require(wanted);
  return d;
}

// Only files that are seen through a position can be read or written elsewhere.
descriptor& addressable(const call& c, fd_number fd, rights wanted) {
  descriptor& d = transferable(c, fd, 0);
  if (!d.is_regular() && d.type != file_type::block_device) throw failure{errc::spipe};
  d.require(wanted);
  return d;
}

// Until a first writer comes a FIFO looks as if it had ended.
void await_first_writer(descriptor& d) {
  if (!d.awaits_writer) return;
  pollfd p{.fd = d.fd, .events = POLLIN, .revents = 0};
  io::poll_many(std::span(&p, 1));
  d.awaits_writer = false;
}

// Regular files give all that is there, so a short count that is not the end is continued.
std::size_t read_on(int fd, buffer_list& rest, std::error_code& error) {
  std::size_t total = 0;
  while (rest.bytes() > 0) {
    const std::size_t n = io::try_read(fd, rest.vectors(), error);
    if (error || n == 0) break;
    total += n;
    rest.advance(n);
  }
  return total;
}

outcome read_file(call& c, const descriptor& d, buffer_list buffers, pointer count) {
  std::error_code error;
  const std::size_t had = read_on(d.fd, buffers, error);
  if (!would_wait(error)) return report_read(c.guest, c.memory, count, had, had > 0 ? std::error_code() : error);
  return c.wait([&guest = c.guest, memory = c.memory, fd = d.fd, rest = std::move(buffers), count, had] {
    std::error_code failed;
    const std::size_t more = io::read(fd, rest.vectors(), failed);
    return report_read(guest, memory, count, had + more, had > 0 ? std::error_code() : failed);
  });
}

outcome read_stream(call& c, descriptor& d, buffer_list buffers, pointer count) {
  std::error_code error;
  if (!d.awaits_writer) {
    const std::size_t n = io::try_read(d.fd, buffers.vectors(), error);
    if (!would_wait(error)) return report_read(c.guest, c.memory, count, n, error);
  }
  if (d.would_block(POLLIN)) return errc::again;
  return c.wait([&guest = c.guest, memory = c.memory, &d, list = std::move(buffers), count] {
    await_first_writer(d);
    std::error_code failed;
    const std::size_t n = io::read(d.fd, list.vectors(), failed);
    return report_read(guest, memory, count, n, failed);
  });
}

outcome fd_read(call& c, fd_number fd, pointer vectors, size vector_count, pointer count) {
  descriptor& d = transferable(c, fd, right::fd_read);
  buffer_list buffers(c.memory, vectors, vector_count);
  static_cast<void>(c.memory.load<size>(count));
  return d.is_regular() ? read_file(c, d, std::move(buffers), count) : read_stream(c, d, std::move(buffers), count);
}

outcome capture(const call& c, std::string& into, const buffer_list& buffers, pointer count) {
  for (const iovec& v : buffers.vectors()) into.append(static_cast<const char*>(v.iov_base), v.iov_len);
  return report_written(c.guest, c.memory, count, buffers.bytes(), {});
}

outcome write_lines(call& c, line_writer& lines, buffer_list buffers, pointer count) {
  return c.wait([&guest = c.guest, memory = c.memory, &lines, list = std::move(buffers), count] {
    std::error_code error;
    lines.write(list.vectors(), error);
    return report_written(guest, memory, count, list.bytes(), error);
  });
}

// Through the page cache, which is quicker than asking whether it would wait; what must reach the disk waits outside of
// the guest.
outcome write_file(call& c, const descriptor& d, buffer_list buffers, pointer count) {
  if ((d.flags & (fdflag::dsync | fdflag::sync)) == 0) {
    const auto list = buffers.vectors();
    const ssize_t n = ::writev(d.fd, list.data(), static_cast<int>(list.size()));
    if (n < 0) return from_errno(errno);
    return report_written(c.guest, c.memory, count, static_cast<std::size_t>(n), {});
  }
  return c.wait([&guest = c.guest, memory = c.memory, fd = d.fd, list = std::move(buffers), count] {
    std::error_code error;
    const std::size_t n = io::write(fd, list.vectors(), error);
    return report_written(guest, memory, count, n, error);
  });
}

outcome write_stream(call& c, const descriptor& d, buffer_list buffers, pointer count) {
  std::error_code error;
  const std::size_t n = io::try_write(d.fd, buffers.vectors(), error);
  if (!would_wait(error)) return report_written(c.guest, c.memory, count, n, error);
  if (d.would_block(POLLOUT)) return errc::again;
  return c.wait([&guest = c.guest, memory = c.memory, fd = d.fd, list = std::move(buffers), count] {
    std::error_code failed;
    const std::size_t written = io::write(fd, list.vectors(), failed);
    return report_written(guest, memory, count, written, failed);
  });
}

outcome fd_write(call& c, fd_number fd, pointer vectors, size vector_count, pointer count) {
  descriptor& d = transferable(c, fd, right::fd_write);
  buffer_list buffers(c.memory, vectors, vector_count);
  static_cast<void>(c.memory.load<size>(count));
  c.guest.check_output(buffers.bytes());
  if (d.captured != nullptr) return capture(c, *d.captured, buffers, count);
  if (d.lines) return write_lines(c, *d.lines, std::move(buffers), count);
  return d.is_regular() ? write_file(c, d, std::move(buffers), count) : write_stream(c, d, std::move(buffers), count);
}

outcome fd_pread(call& c, fd_number fd, pointer vectors, size vector_count, std::uint64_t offset, pointer count) {
  const descriptor& d = addressable(c, fd, right::fd_read | right::fd_seek);
  buffer_list buffers(c.memory, vectors, vector_count);
  static_cast<void>(c.memory.load<size>(count));
  if (offset > INT64_MAX) return errc::inval;
  const auto list = buffers.vectors();
  const ssize_t n = ::preadv2(d.fd, list.data(), static_cast<int>(list.size()), static_cast<off_t>(offset), RWF_NOWAIT);
  if (n == static_cast<ssize_t>(buffers.bytes())) return report_read(c.guest, c.memory, count, buffers.bytes(), {});
  if (n < 0 && errno != EAGAIN && errno != EOPNOTSUPP) return from_errno(errno);
  return c.wait([&guest = c.guest, memory = c.memory, host = d.fd, kept = std::move(buffers), offset, count] {
    std::error_code error;
    const std::size_t got = io::pread(host, kept.vectors(), offset, error);
    return report_read(guest, memory, count, got, error);
  });
}

outcome fd_pwrite(call& c, fd_number fd, pointer vectors, size vector_count, std::uint64_t offset, pointer count) {
  const descriptor& d = addressable(c, fd, right::fd_write | right::fd_seek);
  const buffer_list buffers(c.memory, vectors, vector_count);
  static_cast<void>(c.memory.load<size>(count));
  if (offset > INT64_MAX) return errc::inval;
  c.guest.check_output(buffers.bytes());
  const auto list = buffers.vectors();
  const ssize_t n = ::pwritev(d.fd, list.data(), static_cast<int>(list.size()), static_cast<off_t>(offset));
  if (n < 0) return from_errno(errno);
  return report_written(c.guest, c.memory, count, static_cast<std::size_t>(n), {});
}

constexpr std::array functions = {
    may_wait<&fd_read>("fd_read"),
    may_wait<&fd_write>("fd_write"),
    may_wait<&fd_pread>("fd_pread"),
    may_wait<&fd_pwrite>("fd_pwrite"),
};

}  // namespace

std::span<const definition> transfer_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
