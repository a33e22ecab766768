// A descriptor that one function owns for the length of a few calls, and that nobody else uses or closes meanwhile. For those that are
// shared there is open_descriptor.
#pragma once

#include <utility>

#include <weft/io/detail/system_calls.hpp>

namespace weft::io::detail {

class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  ~unique_fd() { reset(); }
  unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }

  explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept {
    if (fd_ >= 0) close_now(release());
  }

 private:
  int fd_ = -1;
};

}  // namespace weft::io::detail
