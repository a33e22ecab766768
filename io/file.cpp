#include <weft/io/file.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <vector>

#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/look_up.hpp>
#include <weft/io/detail/pending_file.hpp>
#include <weft/io/detail/transfer.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io {

namespace {

using detail::operation;
using detail::reported;
using detail::short_count;

int flags_of(open_mode mode) noexcept {
  int flags = O_CLOEXEC;
  if (has(mode, open_mode::read_write) || (has(mode, open_mode::read) && has(mode, open_mode::append))) {
    flags |= O_RDWR;
  } else if (has(mode, open_mode::write) || has(mode, open_mode::append)) {
    flags |= O_WRONLY;
  }
  if (has(mode, open_mode::append)) flags |= O_APPEND;
  if (has(mode, open_mode::create)) flags |= O_CREAT;
  if (has(mode, open_mode::create_new)) flags |= O_CREAT | O_EXCL;
  if (has(mode, open_mode::truncate)) flags |= O_TRUNC;
  return flags;
}

int checked_open(std::int64_t fd, const std::filesystem::path& path) {
  if (fd < 0) detail::fail(static_cast<int>(-fd), "open " + detail::quoted(path));
  return static_cast<int>(fd);
}

std::string describe_file(int fd) { return "file " + std::to_string(fd); }

std::int64_t checked(std::uint64_t offset) {
  if (offset > INT64_MAX) detail::fail(EINVAL, "use offset " + std::to_string(offset) + ": no file is that long");
  return static_cast<std::int64_t>(offset);
}

iovec vector_of(std::span<const std::byte> buffer) noexcept {
  return {const_cast<std::byte*>(buffer.data()), buffer.size()};
}

[[gnu::noinline]] int set_size_now(int fd, std::int64_t size) noexcept {
  return ::ftruncate(fd, size) == 0 ? 0 : -errno;
}
[[gnu::noinline]] int lock_now(int fd, int how) noexcept {
  for (;;) {
    if (::flock(fd, how) == 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

int advice_of(access_pattern pattern) noexcept {
  switch (pattern) {
    case access_pattern::normal:
      return POSIX_FADV_NORMAL;
    case access_pattern::sequential:
      return POSIX_FADV_SEQUENTIAL;
    case access_pattern::random:
      return POSIX_FADV_RANDOM;
    case access_pattern::will_need:
      return POSIX_FADV_WILLNEED;
    case access_pattern::will_not_need:
      return POSIX_FADV_DONTNEED;
  }
  return POSIX_FADV_NORMAL;
}

constexpr std::chrono::milliseconds first_lock_delay{1};
constexpr std::chrono::milliseconds most_lock_delay{50};

}  // namespace

// ---------------------------------------------------------------------------------------------------- opening

file::file(const std::filesystem::path& path, open_mode mode, unsigned permissions)
    : descriptor_(checked_open(detail::open_file(path.c_str(), flags_of(mode), permissions), path), &describe_file,
                  detail::quoted(path)) {}

file file::open(const std::filesystem::path& path, open_mode mode, unsigned permissions, std::error_code& error) {
  const std::int64_t fd = detail::open_file(path.c_str(), flags_of(mode), permissions);
  error = detail::code_of(fd < 0 ? static_cast<int>(-fd) : 0);
  return fd < 0 ? file() : adopt(static_cast<int>(fd), detail::quoted(path));
}

file file::adopt(int fd, std::string name) {
  file adopted(detail::descriptor_handle(fd, &describe_file, std::move(name)));
  if (detail::is_direct(fd)) detail::descriptor_use(adopted.descriptor_, "adopt").target()->expect_data(false);
  return adopted;
}

// ---------------------------------------------------------------------------------------------------- reading

std::size_t file::read(std::int64_t offset, std::span<const iovec> buffers) {
  const detail::descriptor_use use(descriptor_, "read");
  return static_cast<std::size_t>(
      use.check(detail::read(use.fd(), buffers, offset, short_count::means_end, use.target())));
}

std::size_t file::read_some(std::span<const iovec> buffers) { return read(operation::current_position, buffers); }

std::size_t file::read_some(std::span<std::byte> buffer) {
  const iovec whole = vector_of(buffer);
  return read_some({&whole, 1});
}

std::size_t file::read_at(std::uint64_t offset, std::span<const iovec> buffers) {
  return read(checked(offset), buffers);
}

std::size_t file::read_at(std::uint64_t offset, std::span<std::byte> buffer) {
  const iovec whole = vector_of(buffer);
  return read_at(offset, {&whole, 1});
}

std::size_t file::read_some(std::span<std::byte> buffer, std::error_code& error) {
  return reported(error, [&] { return read_some(buffer); });
}
std::size_t file::read_some(std::span<const iovec> buffers, std::error_code& error) {
  return reported(error, [&] { return read_some(buffers); });
}
std::size_t file::read_at(std::uint64_t offset, std::span<std::byte> buffer, std::error_code& error) {
  return reported(error, [&] { return read_at(offset, buffer); });
}
std::size_t file::read_at(std::uint64_t offset, std::span<const iovec> buffers, std::error_code& error) {
  return reported(error, [&] { return read_at(offset, buffers); });
}

std::string file::read_rest() {
  constexpr std::size_t least = 4096;
  std::string text;
  std::size_t length = 0;
  for (;;) {
    text.resize(std::max({length + least, length * 2, static_cast<std::size_t>(length == 0 ? size() + 1 : 0)}));
    const std::size_t n = read_some(std::as_writable_bytes(std::span(text).subspan(length)));
    length += n;
    if (n == 0) break;
  }
  text.resize(length);
  return text;
}

// ---------------------------------------------------------------------------------------------------- writing

std::size_t file::write_once(std::int64_t offset, std::span<const iovec> data) {
  const detail::descriptor_use use(descriptor_, "write");
  return static_cast<std::size_t>(
      use.check(detail::write(use.fd(), data, offset, short_count::means_end, use.target())));
}

void file::write(std::int64_t offset, std::span<const iovec> data) {
  std::vector<iovec> rest;
  for (;;) {
    const std::size_t n = write_once(offset, data);
    if (offset >= 0) offset += static_cast<std::int64_t>(n);
    rest = detail::without_first(data, n);
    if (rest.empty()) return;
    data = rest;
  }
}

std::size_t file::write_some(std::span<const std::byte> data) {
  const iovec whole = vector_of(data);
  return write_once(operation::current_position, {&whole, 1});
}

void file::write_all(std::span<const iovec> buffers) { write(operation::current_position, buffers); }

void file::write_all(std::span<const std::byte> data) {
  const iovec whole = vector_of(data);
  write_all({&whole, 1});
}

void file::write_at(std::uint64_t offset, std::span<const iovec> buffers) { write(checked(offset), buffers); }

void file::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  const iovec whole = vector_of(data);
  write_at(offset, {&whole, 1});
}

std::size_t file::write_some(std::span<const std::byte> data, std::error_code& error) {
  return reported(error, [&] { return write_some(data); });
}
void file::write_all(std::span<const std::byte> data, std::error_code& error) {
  reported(error, [&] { write_all(data); });
}
void file::write_all(std::span<const iovec> buffers, std::error_code& error) {
  reported(error, [&] { write_all(buffers); });
}
void file::write_at(std::uint64_t offset, std::span<const std::byte> data, std::error_code& error) {
  reported(error, [&] { write_at(offset, data); });
}
void file::write_at(std::uint64_t offset, std::span<const iovec> buffers, std::error_code& error) {
  reported(error, [&] { write_at(offset, buffers); });
}

// ---------------------------------------------------------------------------------------------------- the file itself

std::uint64_t file::size() const {
  const detail::descriptor_use use(descriptor_, "measure");
  return static_cast<std::uint64_t>(use.check(detail::file_size(use.fd())));
}

file_status file::status() const {
  const detail::descriptor_use use(descriptor_, "look at");
  file_status status;
  use.check(detail::look_up(use.fd(), "", true, status));
  return status;
}

void file::set_size(std::uint64_t size) {
  const detail::descriptor_use use(descriptor_, "set the size of");
  const std::int64_t bytes = checked(size);
  use.check(blocking([&] { return set_size_now(use.fd(), bytes); }));
}

void file::set_size(std::uint64_t size, std::error_code& error) {
  reported(error, [&] { set_size(size); });
}

void file::sync(bool data_only) {
  const detail::descriptor_use use(descriptor_, "sync");
  use.check(detail::sync(use.fd(), data_only, use.target()));
}

void file::sync(bool data_only, std::error_code& error) {
  reported(error, [&] { sync(data_only); });
}

void file::advise(access_pattern pattern, std::uint64_t offset, std::uint64_t length) {
  const detail::descriptor_use use(descriptor_, "advise on");
  const std::int64_t from = checked(offset);
  const std::int64_t bytes = checked(length);
  use.check(blocking([&] { return -::posix_fadvise(use.fd(), from, bytes, advice_of(pattern)); }));
}

// ---------------------------------------------------------------------------------------------------- locks

// On a network file system even an attempt may take long, so a helper thread makes it.
bool file::try_lock_as(bool exclusive) {
  const detail::descriptor_use use(descriptor_, "lock");
  const int how = (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  const int result = blocking([&] { return lock_now(use.fd(), how); });
  if (result == -EWOULDBLOCK) return false;
  use.check(result);
  return true;
}

void file::lock_as(bool exclusive) {
  if (try_lock_as(exclusive)) return;
  try {
    for (auto delay = first_lock_delay;; delay = std::min(2 * delay, most_lock_delay)) {
      sleep_for(delay);
      if (try_lock_as(exclusive)) return;
    }
  } catch (const std::system_error&) {
    if (is_open()) throw;
  }
  detail::fail(ECANCELED, "lock a file: it was closed by another fiber while in use");
}

void file::unlock() {
  const detail::descriptor_use use(descriptor_, "unlock");
  use.check(lock_now(use.fd(), LOCK_UN));
}

// ---------------------------------------------------------------------------------------------------- whole files

std::string read_file(const std::filesystem::path& path) { return file(path).read_rest(); }

std::string read_file(const std::filesystem::path& path, std::error_code& error) {
  return reported(error, [&] { return read_file(path); });
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  file out(path, open_mode::write | open_mode::create | open_mode::truncate);
  out.write_all(content);
  out.close();
}

void write_file(const std::filesystem::path& path, std::string_view content, std::error_code& error) {
  reported(error, [&] { write_file(path, content); });
}

void replace_file(const std::filesystem::path& path, std::string_view content, unsigned permissions) {
  detail::pending_file next(path, permissions);
  next.out().write_all(content);
  next.out().sync();
  next.commit(detail::pending_file::existing::replaced, detail::pending_file::durability::synced);
}

void replace_file(const std::filesystem::path& path, std::string_view content, unsigned permissions,
                  std::error_code& error) {
  reported(error, [&] { replace_file(path, content, permissions); });
}

}  // namespace weft::io
