// A file to be read past the page cache, for those who measure disks' waits rather than disks.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "../harness/harness.hpp"

namespace bench {

inline constexpr std::size_t read_size = 4096;
inline constexpr int reads_under_way = 128;

// Has no name; read with O_DIRECT, at any multiple of read_size.
class random_file {
 public:
  random_file() : fd_(open(std::filesystem::temp_directory_path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
    require(fd_ >= 0, "no file in the temporary folder");
    const std::string part(1 << 20, 'r');
    for (std::size_t i = 0; i < size_ / part.size(); ++i) {
      require(write(fd_, part.data(), part.size()) == static_cast<ssize_t>(part.size()), "a short write");
    }
    require(fsync(fd_) == 0, "fsync");
    const std::string again = "/proc/self/fd/" + std::to_string(fd_);
    const int direct = open(again.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    require(direct >= 0, "the file system of the temporary folder has no O_DIRECT");
    close(fd_);
    fd_ = direct;
  }
  ~random_file() { close(fd_); }
  random_file(const random_file&) = delete;
  random_file& operator=(const random_file&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  // The same places for everybody.
  [[nodiscard]] static std::uint64_t place(std::uint64_t i) noexcept {
    return (i * 0x9E3779B97F4A7C15U >> 32) % (size_ / read_size) * read_size;
  }

 private:
  static constexpr std::size_t size_ = 128 << 20;
  int fd_;
};

// Memory for one such read.
using read_buffer = std::unique_ptr<std::byte, decltype(&std::free)>;
inline read_buffer make_read_buffer() {
  return {static_cast<std::byte*>(std::aligned_alloc(read_size, read_size)), &std::free};
}

}  // namespace bench
