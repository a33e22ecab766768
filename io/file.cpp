#include <weft/io/file.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <weft/io/detail/transfer.hpp>

namespace weft::io {

namespace {

using detail::operation;
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

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

int open_or_throw(const std::filesystem::path& path, open_mode mode, unsigned permissions) {
  const std::int64_t fd = detail::open_file(path.c_str(), flags_of(mode), permissions);
  if (fd >= 0) return static_cast<int>(fd);
  throw std::system_error(static_cast<int>(-fd), std::generic_category(), "weft::io: cannot open " + quoted(path));
}

std::string describe_file(int fd) { return "file " + std::to_string(fd); }

std::int64_t checked(std::uint64_t offset, const detail::descriptor_use& use) {
  if (offset > INT64_MAX) use.fail(EINVAL);
  return static_cast<std::int64_t>(offset);
}

}  // namespace

file::file(const std::filesystem::path& path, open_mode mode, unsigned permissions)
    : descriptor_(open_or_throw(path, mode, permissions), &describe_file, quoted(path)) {}

std::size_t file::read(std::int64_t offset, std::span<std::byte> buffer, const char* action) {
  const detail::descriptor_use use(descriptor_, action);
  const iovec whole{buffer.data(), buffer.size()};
  return static_cast<std::size_t>(
      use.check(detail::read(use.fd(), {&whole, 1}, offset, short_count::means_end, use.target())));
}

std::size_t file::read_some(std::span<std::byte> buffer) { return read(operation::current_position, buffer, "read"); }

std::size_t file::read_at(std::uint64_t offset, std::span<std::byte> buffer) {
  return read(checked(offset, detail::descriptor_use(descriptor_, "read")), buffer, "read");
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

void file::write(std::int64_t offset, std::span<const std::byte> data, const char* action) {
  const detail::descriptor_use use(descriptor_, action);
  while (!data.empty()) {
    const iovec rest{const_cast<std::byte*>(data.data()), data.size()};
    const std::int64_t n = use.check(detail::write(use.fd(), {&rest, 1}, offset, short_count::means_end, use.target()));
    data = data.subspan(static_cast<std::size_t>(n));
    if (offset >= 0) offset += n;
  }
}

void file::write_all(std::span<const std::byte> data) { write(operation::current_position, data, "write"); }

void file::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  write(checked(offset, detail::descriptor_use(descriptor_, "write")), data, "write");
}

std::uint64_t file::size() const {
  const detail::descriptor_use use(descriptor_, "measure");
  return static_cast<std::uint64_t>(use.check(detail::file_size(use.fd())));
}

void file::sync(bool data_only) {
  const detail::descriptor_use use(descriptor_, "sync");
  use.check(detail::sync(use.fd(), data_only, use.target()));
}

}  // namespace weft::io
