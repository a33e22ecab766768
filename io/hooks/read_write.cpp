// read(2), write(2) and their kin on anything: sockets, pipes, files, terminals.
//
// RWF_NOWAIT makes an attempt that cannot wait. What does not know it (terminals, many devices) is waited for and then read, which is right as
// long as nobody else reads it; a file whose pages must come from the disk is read by weft's engine. Writing to a file goes to the page cache, on the
// worker: that is quicker than any other way, and what it waits for is memory.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#include <weft/io/detail/system_calls.hpp>
#include <weft/io/detail/transfer.hpp>
#include <weft/io/hooks/detail/descriptor_call.hpp>
#include <weft/io/hooks/detail/real.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::read), "read"> real_read;
constexpr real_function<decltype(::write), "write"> real_write;
constexpr real_function<decltype(::readv), "readv"> real_readv;
constexpr real_function<decltype(::writev), "writev"> real_writev;
constexpr real_function<decltype(::pread), "pread"> real_pread;
constexpr real_function<decltype(::pwrite), "pwrite"> real_pwrite;
constexpr real_function<decltype(::preadv), "preadv"> real_preadv;
constexpr real_function<decltype(::pwritev), "pwritev"> real_pwritev;

using vectors = std::span<const iovec>;
constexpr std::int64_t own_position = -1;

[[gnu::noinline]] bool is_file_on_disk(int fd) noexcept {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

std::size_t size_of(vectors buffers) noexcept {
  std::size_t sum = 0;
  for (const iovec& v : buffers) sum += v.iov_len;
  return sum;
}

bool does_not_know_nowait(std::int64_t result) noexcept {
  return result == -EOPNOTSUPP || result == -EINVAL || result == -ENOSYS;
}

[[gnu::noinline]] std::int64_t read_really(int fd, vectors buffers, std::int64_t offset) noexcept {
  const auto count = static_cast<int>(buffers.size());
  const ssize_t result =
      offset == own_position ? real_readv(fd, buffers.data(), count) : real_preadv(fd, buffers.data(), count, offset);
  return result >= 0 ? result : negative_errno();
}

[[gnu::noinline]] std::int64_t write_really(int fd, vectors buffers, std::int64_t offset) noexcept {
  const auto count = static_cast<int>(buffers.size());
  const ssize_t result =
      offset == own_position ? real_writev(fd, buffers.data(), count) : real_pwritev(fd, buffers.data(), count, offset);
  return result >= 0 ? result : negative_errno();
}

// One buffer at the descriptor's own position, which for a socket is recv().
bool is_plain_read(vectors buffers, std::int64_t offset) noexcept {
  return offset == own_position && buffers.size() == 1;
}

std::span<std::byte> bytes_of(vectors one) noexcept {
  return {static_cast<std::byte*>(one[0].iov_base), one[0].iov_len};
}

// A short count of a file would be taken for its end: the front may have been in memory, and the rest on the disk.
std::int64_t read_vectors(int fd, vectors buffers, std::int64_t offset) noexcept {
  if (is_plain_read(buffers, offset) && known_sockets::is_plain(fd)) {
    const std::int64_t received = receive_some(fd, bytes_of(buffers));
    if (received != -ENOTSOCK) return received;
  }
  give_way_now_and_then();
  const std::int64_t result = detail::read_now(fd, buffers, offset);
  if (does_not_know_nowait(result)) {
    return retry_until_done(fd, POLLIN, [&, waited = false]() mutable noexcept -> std::int64_t {
      pollfd look{fd, POLLIN, 0};
      if (!waited && !is_nonblocking(fd) && detail::poll_blocking({&look, 1}, std::chrono::nanoseconds(0)) == 0) {
        waited = true;
        return -EAGAIN;
      }
      return read_really(fd, buffers, offset);
    });
  }
  const bool is_short = result > 0 && static_cast<std::size_t>(result) < size_of(buffers);
  if (result != -EAGAIN && !is_short) [[likely]]
    return result;
  const known_sockets::question asked(fd);
  time_point limit = time_point::max();
  const bool is_waiting_socket = !is_short && find_socket_limit(fd, POLLIN, limit);
  if (is_waiting_socket && is_plain_read(buffers, offset)) {
    return receive_after_attempt(fd, bytes_of(buffers), asked, limit);
  }
  if (!is_waiting_socket && is_file_on_disk(fd)) {
    const std::vector<iovec> rest =
        detail::without_first(buffers, static_cast<std::size_t>(std::max<std::int64_t>(result, 0)));
    const std::int64_t done = std::max<std::int64_t>(result, 0);
    const std::int64_t more = inside([&] {
      return detail::read(fd, rest, offset == own_position ? offset : offset + done, detail::short_count::means_end);
    });
    return more >= 0 ? done + more : is_short ? done : more;
  }
  if (is_short) return result;
  descriptor_wait wait(fd, POLLIN, limit);
  for (;;) {
    if (const std::int64_t failed = wait.again(); failed != 0) return failed;
    const std::int64_t again = detail::read_now(fd, buffers, offset);
    if (again != -EAGAIN) return again;
  }
}

// A blocking pipe or stream takes all. One that does not know how not to wait is waited for before each write; a write that does not fit may
// then still hold the worker. A file takes what it is given, whoever waits for the memory.
std::int64_t write_vectors(int fd, vectors buffers, std::int64_t offset) noexcept {
  enum class kind { unknown, stream, file, deaf } known = kind::unknown;
  std::vector<iovec> rest;
  return retry_until_all(fd, POLLOUT, size_of(buffers), [&](std::size_t done) noexcept {
    if (done > 0) rest = detail::without_first(buffers, done);
    const vectors now = done > 0 ? vectors(rest) : buffers;
    const std::int64_t where = offset == own_position ? offset : offset + static_cast<std::int64_t>(done);
    if (known == kind::file) return write_really(fd, now, where);
    const std::int64_t result = known == kind::deaf ? -EOPNOTSUPP : detail::write_now(fd, now, where);
    const bool deaf = does_not_know_nowait(result);
    if ((!deaf && result != -EAGAIN) || known == kind::stream) return result;
    if (known == kind::unknown) {
      known = is_file_on_disk(fd) ? kind::file : deaf ? kind::deaf : kind::stream;
      if (known == kind::file) return write_really(fd, now, where);
      if (known == kind::stream) return result;
    }
    pollfd look{fd, POLLOUT, 0};
    const bool ready = is_nonblocking(fd) || detail::poll_blocking({&look, 1}, std::chrono::nanoseconds(0)) != 0;
    return ready ? write_really(fd, now, where) : -EAGAIN;
  });
}

bool is_sane(const iovec* buffers, int count) noexcept { return buffers != nullptr && count > 0 && count <= IOV_MAX; }

vectors span_of(const iovec* buffers, int count) noexcept { return {buffers, static_cast<std::size_t>(count)}; }

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

ssize_t read(int fd, void* buffer, size_t size) {
  if (!may_wait()) return real_read(fd, buffer, size);
  const iovec one{buffer, size};
  return leave_with(read_vectors(fd, {&one, 1}, own_position));
}

ssize_t write(int fd, const void* buffer, size_t size) {
  if (!may_wait()) return real_write(fd, buffer, size);
  const iovec one{const_cast<void*>(buffer), size};
  return leave_with(write_vectors(fd, {&one, 1}, own_position));
}

ssize_t readv(int fd, const iovec* buffers, int count) {
  if (!may_wait() || !is_sane(buffers, count)) return real_readv(fd, buffers, count);
  return leave_with(read_vectors(fd, span_of(buffers, count), own_position));
}

ssize_t writev(int fd, const iovec* buffers, int count) {
  if (!may_wait() || !is_sane(buffers, count)) return real_writev(fd, buffers, count);
  return leave_with(write_vectors(fd, span_of(buffers, count), own_position));
}

ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  if (!may_wait() || offset < 0) return real_pread(fd, buffer, size, offset);
  const iovec one{buffer, size};
  return leave_with(read_vectors(fd, {&one, 1}, offset));
}

ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  if (!may_wait() || offset < 0) return real_pwrite(fd, buffer, size, offset);
  const iovec one{const_cast<void*>(buffer), size};
  return leave_with(write_vectors(fd, {&one, 1}, offset));
}

ssize_t preadv(int fd, const iovec* buffers, int count, off_t offset) {
  if (!may_wait() || offset < 0 || !is_sane(buffers, count)) return real_preadv(fd, buffers, count, offset);
  return leave_with(read_vectors(fd, span_of(buffers, count), offset));
}

ssize_t pwritev(int fd, const iovec* buffers, int count, off_t offset) {
  if (!may_wait() || offset < 0 || !is_sane(buffers, count)) return real_pwritev(fd, buffers, count, offset);
  return leave_with(write_vectors(fd, span_of(buffers, count), offset));
}

// off_t has 64 bits.
ssize_t pread64(int fd, void* buffer, size_t size, off64_t offset) { return pread(fd, buffer, size, offset); }
ssize_t pwrite64(int fd, const void* buffer, size_t size, off64_t offset) { return pwrite(fd, buffer, size, offset); }
ssize_t preadv64(int fd, const iovec* buffers, int count, off64_t offset) { return preadv(fd, buffers, count, offset); }
ssize_t pwritev64(int fd, const iovec* buffers, int count, off64_t offset) {
  return pwritev(fd, buffers, count, offset);
}

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the C library's
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room) {
  constexpr real_function<ssize_t(int, void*, size_t, size_t), "__read_chk"> real_read_chk;
  return size <= room ? read(fd, buffer, size) : real_read_chk(fd, buffer, size, room);
}

ssize_t __pread_chk(int fd, void* buffer, size_t size, off_t offset, size_t room) {
  constexpr real_function<ssize_t(int, void*, size_t, off_t, size_t), "__pread_chk"> real_pread_chk;
  return size <= room ? pread(fd, buffer, size, offset) : real_pread_chk(fd, buffer, size, offset, room);
}

ssize_t __pread64_chk(int fd, void* buffer, size_t size, off64_t offset, size_t room) {
  return __pread_chk(fd, buffer, size, offset, room);
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
