// A descriptor with an owner, and nothing else: what is handed from one part of a program to another before somebody makes a file, a
// socket or a pipe of it (adopt()).
#pragma once

#include <utility>

namespace weft::io {

// Closes when destroyed. Move-only; a value like any other, for one fiber or thread at a time. Never parks.
class unique_descriptor {
 public:
  // Holds none.
  unique_descriptor() = default;
  // Takes the descriptor over.
  explicit unique_descriptor(int fd) noexcept : fd_(fd) {}
  unique_descriptor(unique_descriptor&& other) noexcept : fd_(other.release()) {}
  unique_descriptor& operator=(unique_descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~unique_descriptor() { reset(); }

  // -1 if there is none.
  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  // Hands it over: whoever gets the number closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  // Closes it, and takes over another.
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

}  // namespace weft::io
