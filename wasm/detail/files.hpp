// Descriptors with owners, and whole files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

namespace weft::wasm::detail {

class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A file's bytes, mapped for reading. Empty files have no mapping.
class mapping {
 public:
  // Throws std::system_error.
  explicit mapping(int fd, std::size_t size);
  ~mapping();
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  void* data_ = nullptr;
  std::size_t size_;
};

// All of a file or pipe. Blocks the thread. Throws std::system_error naming the file.
[[nodiscard]] std::vector<std::byte> read_whole(const std::filesystem::path& file);

// False, and errno says why, if not everything could be written.
[[nodiscard]] bool write_whole(int fd, std::span<const std::byte> bytes) noexcept;

}  // namespace weft::wasm::detail
