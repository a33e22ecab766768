// Hooks beside signals, and beside child processes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>

#include <weft/weft.hpp>

#include "hooks_support.hpp"
#include "server.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

// ---- signals

// poll(2) of no time fails with EINTR where a signal is pending, such as weft's own to a worker.
TEST(hooks, a_look_is_not_ended_by_a_signal) {
  struct sigaction action{}, before{};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  stream_pair s;
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  test::run([&] {
    std::atomic<bool> done{false};
    std::thread sender([&, looker = ::pthread_self()] {
      while (!done) ::pthread_kill(looker, SIGUSR1);
    });
    int failed = 0;
    for (int i = 0; i < 5000; ++i) {
      pollfd p{s.fd[0], POLLIN, 0};
      fd_set readable;
      FD_ZERO(&readable);
      FD_SET(s.fd[0], &readable);
      timeval none{};
      epoll_event event{};
      failed += ::poll(&p, 1, 0) != 0;
      failed += ::select(s.fd[0] + 1, &readable, nullptr, nullptr, &none) != 0;
      failed += ::epoll_wait(set, &event, 1, 0) != 0;
    }
    EXPECT_EQ(failed, 0);
    done = true;
    sender.join();
  });
  ::close(set);
  ::sigaction(SIGUSR1, &before, nullptr);
}

std::atomic<int> handled{0};

TEST(hooks, a_signal_handler_may_call_them) {
  static int out = -1;
  pipe_pair p;
  out = p.fd[1];
  const int handled_before = handled;
  struct sigaction action{}, before{};
  action.sa_handler = [](int) {
    const int saved = errno;
    if (::write(out, "s", 1) == 1) ++handled;
    errno = saved;
  };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  test::run([&] {
    char c = 0;
    for (int i = 0; i < 10; ++i) {
      ::raise(SIGUSR1);
      EXPECT_EQ(::read(p.fd[0], &c, 1), 1);
    }
  });
  EXPECT_EQ(handled - handled_before, 10);
  ::sigaction(SIGUSR1, &before, nullptr);
}

// ---- children

TEST(hooks, children_are_waited_for) {
  pipe_pair p;
  const pid_t child = ::fork();
  if (child == 0) {
    char c = 0;
    ::close(p.fd[1]);
    ::_exit(::read(p.fd[0], &c, 1) == 1 ? 42 : 1);
  }
  while_other_runs(
      [&] {
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(WEXITSTATUS(status), 42);
        EXPECT_EQ(::waitpid(child, &status, 0), -1);
        EXPECT_EQ(test::read_errno(), ECHILD);
      },
      [&] { EXPECT_EQ(::write(p.fd[1], "x", 1), 1); });
}

// Each of the two waits for the other.
TEST(hooks, commands_run_beside_each_other) {
  const scratch directory;
  const std::string fifo = (directory.path() / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  while_other_runs([&] { EXPECT_EQ(WEXITSTATUS(::system(("read word <" + fifo + "; exit 3").c_str())), 3); },
                   [&] {
                     FILE* out = ::popen(("echo word >" + fifo + "; exit 4").c_str(), "r");
                     ASSERT_NE(out, nullptr);
                     EXPECT_EQ(WEXITSTATUS(::pclose(out)), 4);
                   });
}

TEST(hooks, a_child_of_a_fiber_has_the_real_calls) {
  pipe_pair p;
  test::run([&] {
    const pid_t child = ::fork();
    if (child == 0) {
      ::usleep(1000);
      ::_exit(::write(p.fd[1], "c", 1) == 1 ? 0 : 1);
    }
    char c = 0;
    EXPECT_EQ(::read(p.fd[0], &c, 1), 1);
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  });
}

}  // namespace
}  // namespace weft::hooks_test
