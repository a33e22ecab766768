#include <weft/io/filesystem.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string>

#include <weft/io/detail/engine.hpp>
#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/look_up.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io {

namespace {

namespace fs = std::filesystem;
using detail::code_of;
using detail::quoted;

void check(const std::error_code& error, const std::string& what) {
  if (error) throw std::system_error(error, "weft::io: cannot " + what);
}

void check(const std::error_code& error, const char* action, const fs::path& path) {
  if (error) check(error, action + (" " + quoted(path)));
}

void check(const std::error_code& error, const char* action, const fs::path& from, const char* to,
           const fs::path& path) {
  if (error) check(error, action + (" " + quoted(from)) + to + quoted(path));
}

// What the caches know is had in a hundredth of the time that a helper thread takes.
file_status look(const fs::path& path, bool follow, std::error_code& error) {
  file_status status;
  detail::engine* engine = detail::begin_call();
  int result = engine != nullptr ? detail::look_up_cached(path.c_str(), follow, status) : -EAGAIN;
  if (result == -EAGAIN) {
    result = blocking([&] { return detail::look_up(AT_FDCWD, path.c_str(), follow, status); });
  } else {
    engine->count_inline();
  }
  error = code_of(-result);
  return status;
}

timespec time_to_set(std::optional<file_time> time) noexcept {
  if (!time) return {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(*time);
  return {.tv_sec = seconds.time_since_epoch().count(),
          .tv_nsec = static_cast<long>(std::chrono::nanoseconds(*time - seconds).count())};
}

}  // namespace

file_status status(const fs::path& path, std::error_code& error) { return look(path, true, error); }

file_status status(const fs::path& path) {
  std::error_code error;
  const file_status result = io::status(path, error);
  check(error, "look at", path);
  return result;
}

file_status link_status(const fs::path& path, std::error_code& error) { return look(path, false, error); }

file_status link_status(const fs::path& path) {
  std::error_code error;
  const file_status result = io::link_status(path, error);
  check(error, "look at", path);
  return result;
}

bool exists(const fs::path& path, std::error_code& error) {
  look(path, true, error);
  if (!error) return true;
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) error.clear();
  return false;
}

bool exists(const fs::path& path) {
  std::error_code error;
  const bool result = io::exists(path, error);
  check(error, "look at", path);
  return result;
}

void rename(const fs::path& from, const fs::path& to, std::error_code& error) {
  blocking([&] { fs::rename(from, to, error); });
}

void rename(const fs::path& from, const fs::path& to) {
  std::error_code error;
  io::rename(from, to, error);
  check(error, "rename", from, " to ", to);
}

bool remove(const fs::path& path, std::error_code& error) {
  return blocking([&] { return fs::remove(path, error); });
}

bool remove(const fs::path& path) {
  std::error_code error;
  const bool result = io::remove(path, error);
  check(error, "remove", path);
  return result;
}

bool make_directory(const fs::path& path, std::error_code& error) {
  return blocking([&] { return fs::create_directory(path, error); });
}

bool make_directory(const fs::path& path) {
  std::error_code error;
  const bool result = make_directory(path, error);
  check(error, "make directory", path);
  return result;
}

bool make_directories(const fs::path& path, std::error_code& error) {
  return blocking([&] { return fs::create_directories(path, error); });
}

bool make_directories(const fs::path& path) {
  std::error_code error;
  const bool result = make_directories(path, error);
  check(error, "make directories", path);
  return result;
}

fs::path read_link(const fs::path& path, std::error_code& error) {
  return blocking([&] { return fs::read_symlink(path, error); });
}

fs::path read_link(const fs::path& path) {
  std::error_code error;
  fs::path result = read_link(path, error);
  check(error, "read link", path);
  return result;
}

void make_link(const fs::path& target, const fs::path& link, std::error_code& error) {
  blocking([&] { fs::create_symlink(target, link, error); });
}

void make_link(const fs::path& target, const fs::path& link) {
  std::error_code error;
  make_link(target, link, error);
  check(error, "make link", link, " to ", target);
}

void make_hard_link(const fs::path& file, const fs::path& name, std::error_code& error) {
  blocking([&] { fs::create_hard_link(file, name, error); });
}

void make_hard_link(const fs::path& file, const fs::path& name) {
  std::error_code error;
  make_hard_link(file, name, error);
  check(error, "give", file, " the name ", name);
}

void set_permissions(const fs::path& path, fs::perms permissions, std::error_code& error) {
  blocking([&] { fs::permissions(path, permissions, error); });
}

void set_permissions(const fs::path& path, fs::perms permissions) {
  std::error_code error;
  set_permissions(path, permissions, error);
  check(error, "set the permissions of", path);
}

void set_times(const fs::path& path, std::optional<file_time> accessed, std::optional<file_time> modified,
               std::error_code& error) {
  const std::array times{time_to_set(accessed), time_to_set(modified)};
  error = code_of(blocking([&] { return ::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0 ? 0 : errno; }));
}

void set_times(const fs::path& path, std::optional<file_time> accessed, std::optional<file_time> modified) {
  std::error_code error;
  set_times(path, accessed, modified, error);
  check(error, "set the times of", path);
}

}  // namespace weft::io
