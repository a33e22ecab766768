// What a file system knows of a file. A value; nothing here parks.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace weft::io {

using file_time = std::chrono::system_clock::time_point;

struct file_status {
  std::filesystem::file_type type = std::filesystem::file_type::none;
  std::filesystem::perms permissions = std::filesystem::perms::unknown;
  std::uint64_t size = 0;       // bytes that can be read; of a symbolic link the length of its text
  std::uint64_t allocated = 0;  // bytes on the disk: less than `size` where there are holes
  std::uint64_t device = 0;     // with `inode` it names a file: two paths with the same two are one file
  std::uint64_t inode = 0;
  std::uint64_t links = 0;  // names that the file has
  unsigned owner = 0;       // user and group, by number
  unsigned group = 0;
  file_time accessed = {};
  file_time modified = {};                // the content
  file_time changed = {};                 // the content, or what is told here
  std::optional<file_time> created = {};  // where the file system knows

  [[nodiscard]] bool is_regular_file() const noexcept { return type == std::filesystem::file_type::regular; }
  [[nodiscard]] bool is_directory() const noexcept { return type == std::filesystem::file_type::directory; }
  [[nodiscard]] bool is_symlink() const noexcept { return type == std::filesystem::file_type::symlink; }
  [[nodiscard]] bool is_same_file(const file_status& other) const noexcept {
    return device == other.device && inode == other.inode;
  }
};

}  // namespace weft::io
