// What is remembered about a socket must not outlive the moment at which it stops being so.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>

#include <weft/weft.hpp>

#include "support.hpp"

namespace weft::hooks_test {
namespace {

struct pair {
  int own = -1;
  int other = -1;
  pair() {
    int fd[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    own = fd[0];
    other = fd[1];
  }
  ~pair() {
    ::close(own);
    ::close(other);
  }
  pair(const pair&) = delete;
  pair& operator=(const pair&) = delete;
};

void send(int fd, const char* text) {
  const std::string all(text);
  ASSERT_EQ(::send(fd, all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
}

using receiver = std::string(int);
std::string by_recv(int fd) {
  char buffer[16];
  const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
  return n < 0 ? std::to_string(test::read_errno()) : std::string(buffer, static_cast<std::size_t>(n));
}
std::string by_read(int fd) {
  char buffer[16];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  return n < 0 ? std::to_string(test::read_errno()) : std::string(buffer, static_cast<std::size_t>(n));
}

const std::string would_wait = std::to_string(EAGAIN);

// Has this socket waited for twice: after this it is known, and known to be drained.
void make_known(const pair& s, receiver* receive) {
  for (int i = 0; i < 2; ++i) {
    group g;
    g.spawn([&] { EXPECT_EQ(receive(s.own), "data"); });
    for (int turn = 0; turn < 5; ++turn) yield();
    send(s.other, "data");
    g.join();
  }
}

class known_sockets : public testing::TestWithParam<receiver*> {
 protected:
  static std::string receive(int fd) { return GetParam()(fd); }
  // On a fiber, with a socket that is known.
  static void with_known(const std::function<void(const pair&)>& f) {
    test::run([&] {
      const pair s;
      make_known(s, GetParam());
      f(s);
    });
  }
};

void set_nonblocking(int fd) { EXPECT_EQ(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK), 0); }

TEST_P(known_sockets, data_that_came_meanwhile_is_received) {
  with_known([](const pair& s) {
    send(s.other, "more");
    EXPECT_EQ(receive(s.own), "more");
    ::shutdown(s.other, SHUT_WR);
    EXPECT_EQ(receive(s.own), "");
    EXPECT_EQ(receive(s.own), "");
  });
}

TEST_P(known_sockets, one_that_is_set_to_o_nonblock_does_not_wait) {
  with_known([](const pair& s) {
    set_nonblocking(s.own);
    EXPECT_EQ(receive(s.own), would_wait);
    EXPECT_EQ(receive(s.own), would_wait);
    send(s.other, "more");
    EXPECT_EQ(receive(s.own), "more");
  });
}

TEST_P(known_sockets, nor_if_it_is_set_by_ioctl_or_by_another_descriptor) {
  with_known([](const pair& s) {
    int on = 1;
    EXPECT_EQ(::ioctl(s.own, FIONBIO, &on), 0);
    EXPECT_EQ(receive(s.own), would_wait);
  });
  with_known([](const pair& s) {
    const int second = ::dup(s.own);
    set_nonblocking(second);
    EXPECT_EQ(receive(s.own), would_wait);
    ::close(second);
  });
}

TEST_P(known_sockets, a_time_limit_that_is_set_later_holds) {
  with_known([](const pair& s) {
    const timeval limit{.tv_sec = 0, .tv_usec = 2000};
    EXPECT_EQ(::setsockopt(s.own, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    EXPECT_EQ(receive(s.own), would_wait);
    EXPECT_EQ(receive(s.own), would_wait);
  });
}

TEST_P(known_sockets, a_number_that_is_used_again_is_unknown) {
  with_known([](const pair& s) {
    const pair next;
    set_nonblocking(next.own);
    EXPECT_EQ(::dup2(next.own, s.own), s.own);
    EXPECT_EQ(receive(s.own), would_wait);
  });
  with_known([](const pair& s) {
    ::close(s.own);
    int fd[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    EXPECT_EQ(fd[0], s.own);
    EXPECT_EQ(receive(fd[0]), would_wait);
    ::close(fd[1]);
  });
}

TEST_P(known_sockets, one_who_is_cancelled_receives_what_is_there) {
  with_known([](const pair& s) {
    group g;
    g.spawn([&] {
      g.cancel();
      EXPECT_EQ(receive(s.own), std::to_string(ECANCELED));
      send(s.other, "goodbye");
      EXPECT_EQ(receive(s.own), "goodbye");
    });
    try {
      g.join();
    } catch (const cancelled&) {
    }
  });
}

TEST_P(known_sockets, a_poll_of_one_that_is_drained_waits_and_tells) {
  with_known([](const pair& s) {
    pollfd p{s.own, POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, 1), 0);
    EXPECT_EQ(p.revents, 0);
    group g;
    g.spawn([&] {
      EXPECT_EQ(::poll(&p, 1, -1), 1);
      EXPECT_EQ(p.revents, POLLIN);
      EXPECT_EQ(receive(s.own), "more");
    });
    for (int turn = 0; turn < 5; ++turn) yield();
    send(s.other, "more");
    g.join();
  });
}

TEST_P(known_sockets, a_poll_of_a_number_that_was_closed_unseen_says_so) {
  with_known([](const pair& s) {
    ::syscall(SYS_close, s.own);
    pollfd p{s.own, POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, -1), 1);
    EXPECT_EQ(p.revents, POLLNVAL);
  });
}

// By a system call that no hook sees.
TEST(known_sockets_read, a_pipe_that_takes_the_number_of_one_that_was_closed_unseen_is_read) {
  test::run([] {
    const pair s;
    make_known(s, &by_read);
    ::syscall(SYS_close, s.own);
    int fd[2];
    EXPECT_EQ(::pipe2(fd, O_CLOEXEC), 0);
    EXPECT_EQ(fd[0], s.own);
    EXPECT_EQ(::write(fd[1], "piped", 5), 5);
    EXPECT_EQ(by_read(fd[0]), "piped");
    ::close(fd[1]);
    EXPECT_EQ(by_read(fd[0]), "");
  });
}

INSTANTIATE_TEST_SUITE_P(hooks, known_sockets, testing::Values(&by_recv, &by_read),
                         [](const auto& tested) { return tested.param == &by_recv ? "recv" : "read"; });

}  // namespace
}  // namespace weft::hooks_test
