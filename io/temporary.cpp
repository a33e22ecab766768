#include <weft/io/temporary.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include <weft/io/detail/clean_up.hpp>
#include <weft/io/detail/errors.hpp>
#include <weft/io/filesystem.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io {

namespace {

std::filesystem::path directory_for(const std::filesystem::path& given) {
  return given.empty() ? std::filesystem::temp_directory_path() : given;
}

// Not every file system knows files without a name.
[[gnu::noinline]] int make_file(const std::filesystem::path& directory) {
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  if (errno != EOPNOTSUPP && errno != EISDIR) return -errno;
  std::string name = (directory / "weft-XXXXXX").string();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) return -errno;
  ::unlink(name.c_str());
  return named;
}

[[gnu::noinline]] int make_directory(std::string& name) noexcept {
  return ::mkdtemp(name.data()) != nullptr ? 0 : -errno;
}

}  // namespace

file temporary_file(const std::filesystem::path& directory) {
  const std::filesystem::path where = directory_for(directory);
  const int fd = blocking([&] { return make_file(where); });
  if (fd < 0) detail::fail(-fd, "make a temporary file in " + detail::quoted(where));
  return file::adopt(fd, "temporary file in " + detail::quoted(where));
}

temporary_directory::temporary_directory(const std::filesystem::path& directory, const std::string& prefix) {
  const std::filesystem::path where = directory_for(directory);
  std::string name = (where / (prefix + "XXXXXX")).string();
  const int result = blocking([&] { return make_directory(name); });
  if (result < 0) detail::fail(-result, "make a temporary directory in " + detail::quoted(where));
  path_ = name;
}

temporary_directory::~temporary_directory() {
  if (path_.empty()) return;
  detail::clean_up([this] {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  });
}

temporary_directory& temporary_directory::operator=(temporary_directory&& other) noexcept {
  if (this != &other) {
    temporary_directory old(std::move(*this));
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

void temporary_directory::remove() {
  if (path_.empty()) return;
  io::remove_all(path_);
  path_.clear();
}

}  // namespace weft::io
