// What the tests of the system's faults share.
#pragma once

#include "io/io_support.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

namespace weft::io::test {

// A limit of this process, put back in the end.
class resource_limit {
 public:
  resource_limit(__rlimit_resource what, rlim_t value) : what_(what) {
    EXPECT_EQ(::getrlimit(what_, &before_), 0);
    const rlimit now{.rlim_cur = std::min(value, before_.rlim_max), .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(what_, &now), 0);
  }
  ~resource_limit() { ::setrlimit(what_, &before_); }
  resource_limit(const resource_limit&) = delete;
  resource_limit& operator=(const resource_limit&) = delete;
  [[nodiscard]] rlim_t most() const { return before_.rlim_max; }

 private:
  __rlimit_resource what_;
  rlimit before_{};
};

// So many descriptors more than there are, and none beyond: numbers are given from below.
class few_descriptors : public resource_limit {
 public:
  explicit few_descriptors(int more) : resource_limit(RLIMIT_NOFILE, lowest_free() + static_cast<rlim_t>(more)) {}

 private:
  static rlim_t lowest_free() {
    const int fd = ::dup(0);
    ::close(fd);
    return static_cast<rlim_t>(fd);
  }
};

// A signal that would end the process is ignored meanwhile.
class ignored_signal {
 public:
  explicit ignored_signal(int number) : number_(number), before_(::signal(number, SIG_IGN)) {}
  ~ignored_signal() { ::signal(number_, before_); }
  ignored_signal(const ignored_signal&) = delete;
  ignored_signal& operator=(const ignored_signal&) = delete;

 private:
  int number_;
  void (*before_)(int);
};

}  // namespace weft::io::test
