// A new file under a temporary name beside its final one, which gets that name in one step when it is complete, and is removed if it
// never is. Everything goes by the directory's descriptor, so that renaming the directory meanwhile does no harm.
#pragma once

#include <filesystem>
#include <string>

#include <weft/io/detail/unique_fd.hpp>
#include <weft/io/file.hpp>

namespace weft::io::detail {

class pending_file {
 public:
  enum class existing : bool { kept, replaced };
  enum class durability : bool { cached, synced };

  // Symbolic links are followed. The permissions (less the umask) are for where there is no file yet, else they are the old one's. Parks, as does all else.
  // Throws std::system_error, also where something other than a regular file stands there.
  pending_file(const std::filesystem::path& target, unsigned permissions);
  ~pending_file();
  pending_file(const pending_file&) = delete;
  pending_file& operator=(const pending_file&) = delete;

  // To be written.
  [[nodiscard]] file& out() noexcept { return out_; }

  // Gives it its name; EEXIST if there is a file that is to be kept. Cancelled, if at all, before it begins. `synced`: returns when the name is on the disk.
  void commit(existing old, durability how);

 private:
  explicit pending_file(const std::filesystem::path& target) : target_(target) {}
  [[nodiscard]] int open_directory();
  [[nodiscard]] int make(unsigned permissions);
  [[nodiscard]] int inherit_attributes(int fd) noexcept;
  [[nodiscard]] int rename(existing old) noexcept;
  [[nodiscard]] int sync_directory() noexcept;

  std::filesystem::path target_;
  unique_fd directory_;
  std::string name_;
  std::string temporary_;
  file out_;
};

}  // namespace weft::io::detail
