// A terminal without a person.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>

namespace weft::io::test {

// `screen` is what a terminal emulator has, `fd` what the program has.
class terminal_pair {
 public:
  terminal_pair() : screen_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_EQ(::grantpt(screen_), 0);
    EXPECT_EQ(::unlockpt(screen_), 0);
    std::array<char, 64> name{};
    EXPECT_EQ(::ptsname_r(screen_, name.data(), name.size()), 0);
    fd_ = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(fd_, 0);
  }
  ~terminal_pair() {
    ::close(fd_);
    ::close(screen_);
  }
  terminal_pair(const terminal_pair&) = delete;
  terminal_pair& operator=(const terminal_pair&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] int screen() const noexcept { return screen_; }

 private:
  int screen_;
  int fd_ = -1;
};

}  // namespace weft::io::test
