// Files and directories that go when their owner does.
#pragma once

#include <filesystem>

#include <weft/io/file.hpp>

namespace weft::io {

// A file without a name, for reading and writing, which is gone when it is closed. In the given directory, else in $TMPDIR or /tmp. Parks; a
// cancellation point. Throws std::system_error.
[[nodiscard]] file temporary_file(const std::filesystem::path& directory = {});

// A new directory that only its owner may look into, removed with all that is in it at the end. Movable; one fiber at a time.
class temporary_directory {
 public:
  // In the given directory, else in $TMPDIR or /tmp; the name begins with the prefix. Parks; a cancellation point. Throws std::system_error.
  explicit temporary_directory(const std::filesystem::path& directory = {}, const std::string& prefix = "weft-");
  // Removes it, also while a cancellation or another exception passes; parks. What cannot be removed stays: remove() would tell.
  ~temporary_directory();
  temporary_directory(temporary_directory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  temporary_directory& operator=(temporary_directory&& other) noexcept;

  // Empty when it was removed, moved from or kept.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

  // Removes it now; parks. Throws std::system_error.
  void remove();
  // Leaves it there; returns its path.
  std::filesystem::path keep() noexcept { return std::exchange(path_, {}); }

 private:
  std::filesystem::path path_;
};

}  // namespace weft::io
