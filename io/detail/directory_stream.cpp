#include <weft/io/detail/directory_stream.hpp>

#include <dirent.h>

#include <array>
#include <cerrno>
#include <string_view>

#include <weft/io/detail/look_up.hpp>

namespace weft::io::detail {

namespace {

using std::filesystem::file_type;

// A small directory is read to its end, so that this need not be asked once more.
constexpr std::size_t enough = 256;
constexpr std::size_t bytes_at_once = 32 << 10;

}  // namespace

int directory_stream::read_batch() {
  batch_.clear();
  next_ = 0;
  while (!is_read_ && batch_.size() < enough) {
    if (const int error = read_some(); error != 0) {
      is_read_ = true;
      return error;
    }
  }
  return 0;
}

void directory_stream::read_rest_and_close() {
  while (!is_read_) {
    if (read_some() != 0) is_read_ = true;
  }
  directory_.reset();
}

// A directory that was removed meanwhile has no more entries.
int directory_stream::read_some() {
  alignas(dirent64) std::array<char, bytes_at_once> bytes;
  const ssize_t length = ::getdents64(directory_.get(), bytes.data(), bytes.size());
  if (length < 0 && errno != ENOENT) return -errno;
  if (length <= 0) is_read_ = true;
  for (ssize_t at = 0; at < length;) {
    const auto* raw = reinterpret_cast<const dirent64*>(&bytes[static_cast<std::size_t>(at)]);
    const std::string_view name = raw->d_name;
    if (name != "." && name != "..") add(raw->d_name, raw->d_type);
    at += raw->d_reclen;
  }
  return 0;
}

// Some file systems do not tell types here. A link that leads nowhere stays a link.
void directory_stream::add(const char* name, unsigned char type) {
  entry& e = batch_.emplace_back(entry{.name = name, .type = type_of_entry(type)});
  e.is_link = e.type == file_type::symlink;
  if (!wanted_.status && e.type != file_type::unknown && !(wanted_.follow_links && e.is_link)) return;
  file_status status;
  int result = look_up(fd(), name, false, status);
  if (result == 0) e.is_link = status.is_symlink();
  if (result == 0 && e.is_link && wanted_.follow_links) {
    file_status target;
    result = look_up(fd(), name, true, target);
    if (result == 0) status = target;
    if (result == -ENOENT) result = 0;
  }
  e.error = -result;
  if (result != 0) return;
  e.type = status.type;
  if (wanted_.status) e.status = status;
}

}  // namespace weft::io::detail
