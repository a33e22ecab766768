// What the tests of hooks wait with and for.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include <weft/weft.hpp>

#include "support.hpp"

namespace weft::hooks_test {

// Two ends of something, closed when left.
struct ends {
  int fd[2] = {-1, -1};
  ends() = default;
  ~ends() {
    for (const int one : fd) {
      if (one >= 0) ::close(one);
    }
  }
  ends(const ends&) = delete;
  ends& operator=(const ends&) = delete;
};

struct stream_pair : ends {
  explicit stream_pair(int type = SOCK_STREAM) { EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd), 0); }
};

struct pipe_pair : ends {
  pipe_pair() { EXPECT_EQ(::pipe2(fd, O_CLOEXEC), 0); }
};

// Runs `waits` on one fiber, and `ends` on another meanwhile. A call that blocks its thread hangs the test at one worker: nobody sends another.
template <class Waits, class Ends>
void while_other_runs(Waits waits, Ends end) {
  weft::run(test::options_without_spares(), [&] {
    group g;
    std::atomic<bool> begun{false};
    g.spawn([&] {
      begun = true;
      waits();
    });
    test::give_way_until([&] { return begun.load(); });
    for (int i = 0; i < 10; ++i) yield();
    end();
    g.join();
  });
}

}  // namespace weft::hooks_test
