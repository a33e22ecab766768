// An open directory and a batch of its entries. The calls that ask the system block the thread: they are for helper threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <weft/io/detail/unique_fd.hpp>
#include <weft/io/file_status.hpp>

namespace weft::io::detail {

class directory_stream {
 public:
  struct entry {
    std::string name = {};
    std::filesystem::file_type type = std::filesystem::file_type::unknown;
    bool is_link = false;  // a symbolic link, whatever the type says
    int error = 0;         // why it could not be looked at: an errno
    std::optional<file_status> status = {};
  };
  struct what {
    bool status = false;
    bool follow_links = false;
  };

  directory_stream(unique_fd directory, what wanted) : directory_(std::move(directory)), wanted_(wanted) {}

  // -1 if it is closed.
  [[nodiscard]] int fd() const noexcept { return directory_.get(); }
  // No more can be had from the system.
  [[nodiscard]] bool is_read() const noexcept { return is_read_; }
  [[nodiscard]] bool has_entry() const noexcept { return next_ < batch_.size(); }
  [[nodiscard]] entry take() noexcept { return std::move(batch_[next_++]); }
  void drop_entries() noexcept {
    next_ = batch_.size();
    is_read_ = true;
  }

  // Reads on, so that there is an entry, or it is read. A negative errno, or zero; after an error it counts as read.
  int read_batch();
  // Reads all that is left and closes the descriptor.
  void read_rest_and_close();
  // Goes on with another descriptor of the same directory.
  void reopen(unique_fd directory) noexcept { directory_ = std::move(directory); }

 private:
  int read_some();
  void add(const char* name, unsigned char type);

  unique_fd directory_;
  what wanted_;
  std::vector<entry> batch_;
  std::size_t next_ = 0;
  bool is_read_ = false;
};

}  // namespace weft::io::detail
