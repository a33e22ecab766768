#include <weft/io/detail/pending_file.hpp>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <random>

#include <weft/io/detail/clean_up.hpp>
#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/look_up.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io::detail {

namespace {

constexpr int most_attempts = 100;
constexpr std::size_t longest_stem = 200;  // names have 255 bytes at most

std::string temporary_name(const std::string& name) {
  constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
  std::random_device random;
  std::string text = "." + name.substr(0, longest_stem) + ".";
  for (int i = 0; i < 12; ++i) text += digits[random() % digits.size()];
  return text + ".tmp";
}

std::filesystem::path resolved(const std::filesystem::path& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::filesystem::path(real.get()) : path;
}

}  // namespace

// Once the other constructor is through, a throw has the destructor run.
pending_file::pending_file(const std::filesystem::path& target, unsigned permissions) : pending_file(target) {
  const int result = blocking([&] {
    const int opened = open_directory();
    return opened < 0 ? opened : make(permissions);
  });
  if (result == -EINVAL) fail(EINVAL, "replace " + quoted(target_) + ", which is no regular file");
  if (result < 0) fail(-result, "make a file beside " + quoted(target_));
  out_ = file::adopt(result, quoted(target_));
}

pending_file::~pending_file() {
  if (!temporary_.empty()) clean_up([this] { ::unlinkat(directory_.get(), temporary_.c_str(), 0); });
}

// On a helper thread, as the others that return a negative errno.
[[gnu::noinline]] int pending_file::open_directory() {
  const std::filesystem::path path = resolved(target_);
  name_ = path.filename().string();
  if (name_.empty()) return -EISDIR;
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  directory_ = unique_fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory_ ? 0 : -errno;
}

// The new file's descriptor.
[[gnu::noinline]] int pending_file::make(unsigned permissions) {
  int error = EEXIST;
  for (int i = 0; i < most_attempts && error == EEXIST; ++i) {
    std::string name = temporary_name(name_);
    unique_fd fd(::openat(directory_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions));
    error = errno;
    if (!fd) continue;
    temporary_ = std::move(name);
    const int inherited = inherit_attributes(fd.get());
    return inherited < 0 ? inherited : fd.release();
  }
  return -error;
}

[[gnu::noinline]] int pending_file::inherit_attributes(int fd) noexcept {
  file_status old;
  const int result = look_up(directory_.get(), name_.c_str(), true, old);
  if (result == -ENOENT) return 0;
  if (result < 0) return result;
  if (old.is_directory()) return -EISDIR;
  if (!old.is_regular_file()) return -EINVAL;
  [[maybe_unused]] const int may_fail = ::fchown(fd, old.owner, old.group);  // not everybody may
  return ::fchmod(fd, static_cast<mode_t>(old.permissions)) == 0 ? 0 : -errno;
}

void pending_file::commit(existing old, durability how) {
  out_.close();
  const int result = blocking([&] {
    const int renamed = rename(old);
    if (renamed == 0) temporary_.clear();
    return renamed < 0 || how == durability::cached ? renamed : sync_directory();
  });
  if (result < 0) fail(-result, "give a new file the name " + quoted(target_));
}

// Some file systems cannot rename without replacing.
[[gnu::noinline]] int pending_file::rename(existing old) noexcept {
  const int d = directory_.get();
  const unsigned flags = old == existing::kept ? RENAME_NOREPLACE : 0U;
  if (::renameat2(d, temporary_.c_str(), d, name_.c_str(), flags) == 0) return 0;
  if (flags == 0 || (errno != EINVAL && errno != ENOSYS)) return -errno;
  if (::linkat(d, temporary_.c_str(), d, name_.c_str(), 0) != 0) return -errno;
  ::unlinkat(d, temporary_.c_str(), 0);
  return 0;
}

// EINVAL: this file system has nothing to sync.
[[gnu::noinline]] int pending_file::sync_directory() noexcept {
  return ::fsync(directory_.get()) == 0 || errno == EINVAL ? 0 : -errno;
}

}  // namespace weft::io::detail
