// Each hook by itself, called as a C library would call it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <weft/io/hooks/hooks.hpp>
#include <weft/weft.hpp>

#include "hooks_support.hpp"
#include "server.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

using namespace std::chrono_literals;

TEST(hooks, libraries_find_them_all) {
  for (const std::string_view name : io::hooks::hooked_functions()) EXPECT_TRUE(io::hooks::is_hooked(name)) << name;
  EXPECT_FALSE(io::hooks::is_hooked("getpid"));
}

TEST(hooks, read_waits_for_a_pipe) {
  pipe_pair p;
  while_other_runs(
      [&] {
        char c = 0;
        EXPECT_EQ(::read(p.fd[0], &c, 1), 1);
        EXPECT_EQ(c, 'x');
      },
      [&] { EXPECT_EQ(::write(p.fd[1], "x", 1), 1); });
}

TEST(hooks, write_takes_all_where_a_pipe_is_full) {
  pipe_pair p;
  const std::string big(1 << 20, 'b');
  while_other_runs([&] { EXPECT_EQ(::write(p.fd[1], big.data(), big.size()), static_cast<ssize_t>(big.size())); },
                   [&] {
                     std::size_t seen = 0;
                     std::array<char, 10'000> buffer;
                     while (seen < big.size()) {
                       const ssize_t n = ::read(p.fd[0], buffer.data(), buffer.size());
                       ASSERT_GT(n, 0);
                       seen += static_cast<std::size_t>(n);
                     }
                   });
}

TEST(hooks, vectors_travel_in_order) {
  pipe_pair p;
  while_other_runs(
      [&] {
        char a[2], b[3];
        const iovec in[] = {{a, 2}, {b, 3}};
        EXPECT_EQ(::readv(p.fd[0], in, 2), 5);
        EXPECT_EQ(std::string(a, 2) + std::string(b, 3), "abcde");
      },
      [&] {
        char ab[] = "ab", cde[] = "cde";
        const iovec out[] = {{ab, 2}, {cde, 3}};
        EXPECT_EQ(::writev(p.fd[1], out, 2), 5);
      });
}

TEST(hooks, receive_waits_in_each_form) {
  stream_pair s(SOCK_SEQPACKET);
  while_other_runs(
      [&] {
        char c = 0;
        EXPECT_EQ(::recv(s.fd[0], &c, 1, 0), 1);
        EXPECT_EQ(::recvfrom(s.fd[0], &c, 1, 0, nullptr, nullptr), 1);
        iovec v{&c, 1};
        msghdr m{};
        m.msg_iov = &v;
        m.msg_iovlen = 1;
        EXPECT_EQ(::recvmsg(s.fd[0], &m, 0), 1);
        mmsghdr several{.msg_hdr = m, .msg_len = 0};
        EXPECT_EQ(::recvmmsg(s.fd[0], &several, 1, 0, nullptr), 1);
        EXPECT_EQ(c, '4');
      },
      [&] {
        char c = '1';
        EXPECT_EQ(::send(s.fd[1], &c, 1, 0), 1);
        c = '2';
        EXPECT_EQ(::sendto(s.fd[1], &c, 1, 0, nullptr, 0), 1);
        c = '3';
        iovec v{&c, 1};
        msghdr m{};
        m.msg_iov = &v;
        m.msg_iovlen = 1;
        EXPECT_EQ(::sendmsg(s.fd[1], &m, 0), 1);
        c = '4';
        mmsghdr several{.msg_hdr = m, .msg_len = 0};
        EXPECT_EQ(::sendmmsg(s.fd[1], &several, 1, 0), 1);
      });
}

TEST(hooks, receive_of_all_waits_for_all) {
  stream_pair s;
  while_other_runs(
      [&] {
        char all[6];
        EXPECT_EQ(::recv(s.fd[0], all, 6, MSG_WAITALL), 6);
      },
      [&] {
        EXPECT_EQ(::send(s.fd[1], "abc", 3, 0), 3);
        for (int i = 0; i < 10; ++i) yield();
        EXPECT_EQ(::send(s.fd[1], "def", 3, 0), 3);
      });
}

TEST(hooks, send_takes_all_where_the_peer_is_slow) {
  stream_pair s;
  const std::string big(2 << 20, 'b');
  while_other_runs([&] { EXPECT_EQ(::send(s.fd[1], big.data(), big.size(), 0), static_cast<ssize_t>(big.size())); },
                   [&] {
                     std::string all(big.size(), ' ');
                     EXPECT_EQ(::recv(s.fd[0], all.data(), all.size(), MSG_WAITALL), static_cast<ssize_t>(all.size()));
                     EXPECT_EQ(all, big);
                   });
}

TEST(hooks, a_descriptor_that_must_not_block_does_not) {
  stream_pair s;
  pipe_pair p;
  ASSERT_EQ(::fcntl(s.fd[0], F_SETFL, O_NONBLOCK), 0);
  ASSERT_EQ(::fcntl(p.fd[0], F_SETFL, O_NONBLOCK), 0);
  test::run([&] {
    char c = 0;
    EXPECT_EQ(::recv(s.fd[0], &c, 1, 0), -1);
    EXPECT_EQ(test::read_errno(), EAGAIN);
    EXPECT_EQ(::read(s.fd[0], &c, 1), -1);
    EXPECT_EQ(test::read_errno(), EAGAIN);
    EXPECT_EQ(::read(p.fd[0], &c, 1), -1);
    EXPECT_EQ(test::read_errno(), EAGAIN);
  });
}

TEST(hooks, a_sockets_own_time_limit_holds) {
  stream_pair s;
  const timeval limit{0, 20'000};
  ASSERT_EQ(::setsockopt(s.fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  test::run([&] {
    char c = 0;
    EXPECT_EQ(::read(s.fd[0], &c, 1), -1);
    EXPECT_EQ(test::read_errno(), EAGAIN);
    EXPECT_EQ(::recv(s.fd[0], &c, 1, 0), -1);
    EXPECT_EQ(test::read_errno(), EAGAIN);
  });
}

TEST(hooks, errors_are_those_of_the_call) {
  test::run([&] {
    char c = 0;
    EXPECT_EQ(::read(-1, &c, 1), -1);
    EXPECT_EQ(test::read_errno(), EBADF);
    EXPECT_EQ(::recv(-1, &c, 1, 0), -1);
    EXPECT_EQ(test::read_errno(), EBADF);
    stream_pair s;
    ::close(std::exchange(s.fd[1], -1));
    EXPECT_EQ(::recv(s.fd[0], &c, 1, 0), 0);
    EXPECT_EQ(::send(s.fd[0], &c, 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(test::read_errno(), EPIPE);
    const timespec bad{0, -1};
    EXPECT_EQ(::nanosleep(&bad, nullptr), -1);
    EXPECT_EQ(test::read_errno(), EINVAL);
  });
}

TEST(hooks, accept_and_connect_meet) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&where), size), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&where), &size), 0);
  ASSERT_EQ(::listen(listener, 5), 0);
  while_other_runs(
      [&] {
        sockaddr_in peer{};
        socklen_t peer_size = sizeof peer;
        const int accepted = ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &peer_size, SOCK_CLOEXEC);
        ASSERT_GE(accepted, 0);
        EXPECT_EQ(peer_size, sizeof peer);
        EXPECT_EQ(peer.sin_family, AF_INET);
        EXPECT_NE(peer.sin_port, 0);
        EXPECT_EQ(::fcntl(accepted, F_GETFD), FD_CLOEXEC);
        ::close(accepted);
      },
      [&] {
        const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
        EXPECT_EQ(::fcntl(client, F_GETFL) & O_NONBLOCK, 0);
        char c = 0;
        EXPECT_EQ(::read(client, &c, 1), 0);
        ::close(client);
      });
  ::close(listener);
  test::run([&] {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&where), sizeof where), -1);
    EXPECT_EQ(test::read_errno(), ECONNREFUSED);
    ::close(client);
  });
}

TEST(hooks, poll_waits_for_one_and_for_several) {
  stream_pair s, other;
  while_other_runs(
      [&] {
        pollfd one{s.fd[0], POLLIN, 0};
        EXPECT_EQ(::poll(&one, 1, -1), 1);
        EXPECT_EQ(one.revents, POLLIN);
        pollfd several[] = {{other.fd[0], POLLIN, 0}, {-1, POLLIN, 0}, {s.fd[0], POLLIN, 0}};
        EXPECT_EQ(::ppoll(several, 3, nullptr, nullptr), 1);
        EXPECT_EQ(several[2].revents, POLLIN);
      },
      [&] { EXPECT_EQ(::send(s.fd[1], "x", 1, 0), 1); });
  test::run([&] {
    pollfd never[] = {{other.fd[0], POLLIN, 0}, {other.fd[1], POLLIN, 0}};
    EXPECT_EQ(::poll(never, 1, 5), 0);
    EXPECT_EQ(::poll(never, 2, 5), 0);
    EXPECT_EQ(::poll(nullptr, 0, 5), 0);
    pollfd closed{1'000'000, POLLIN, 0};
    EXPECT_EQ(::poll(&closed, 1, -1), 1);
    EXPECT_EQ(closed.revents, POLLNVAL);
  });
}

TEST(hooks, select_tells_which) {
  stream_pair s, other;
  while_other_runs(
      [&] {
        fd_set in, out;
        FD_ZERO(&in);
        FD_ZERO(&out);
        FD_SET(s.fd[0], &in);
        FD_SET(other.fd[0], &in);
        timeval patience{60, 0};
        EXPECT_EQ(::select(std::max(s.fd[0], other.fd[0]) + 1, &in, &out, nullptr, &patience), 1);
        EXPECT_TRUE(FD_ISSET(s.fd[0], &in));
        EXPECT_FALSE(FD_ISSET(other.fd[0], &in));
      },
      [&] { EXPECT_EQ(::send(s.fd[1], "x", 1, 0), 1); });
  test::run([&] {
    fd_set in;
    FD_ZERO(&in);
    FD_SET(other.fd[0], &in);
    timeval moment{0, 5000};
    EXPECT_EQ(::select(other.fd[0] + 1, &in, nullptr, nullptr, &moment), 0);
    EXPECT_FALSE(FD_ISSET(other.fd[0], &in));
    timespec pause{0, 1'000'000};
    EXPECT_EQ(::pselect(0, nullptr, nullptr, nullptr, &pause, nullptr), 0);
  });
}

TEST(hooks, a_foreign_epoll_set_is_waited_for) {
  stream_pair s;
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{.events = EPOLLIN, .data = {.u64 = 7}};
  ASSERT_EQ(::epoll_ctl(set, EPOLL_CTL_ADD, s.fd[0], &wanted), 0);
  while_other_runs(
      [&] {
        epoll_event event{};
        EXPECT_EQ(::epoll_wait(set, &event, 1, -1), 1);
        EXPECT_EQ(std::uint64_t{event.data.u64}, 7U);
      },
      [&] { EXPECT_EQ(::send(s.fd[1], "x", 1, 0), 1); });
  test::run([&] {
    char c = 0;
    EXPECT_EQ(::recv(s.fd[0], &c, 1, 0), 1);
    epoll_event event{};
    EXPECT_EQ(::epoll_wait(set, &event, 1, 5), 0);
    const timespec moment{0, 5'000'000};
    EXPECT_EQ(::epoll_pwait2(set, &event, 1, &moment, nullptr), 0);
  });
  ::close(set);
}

TEST(hooks, sleeps_pass_side_by_side) {
  const auto begin = std::chrono::steady_clock::now();
  test::run([&] {
    group g;
    for (int i = 0; i < 100; ++i) {
      g.spawn([i] {
        const timespec moment{0, 50'000'000};
        switch (i % 3) {
          case 0:
            EXPECT_EQ(::usleep(50'000), 0);
            break;
          case 1:
            EXPECT_EQ(::nanosleep(&moment, nullptr), 0);
            break;
          default:
            timespec when{};
            ::clock_gettime(CLOCK_REALTIME, &when);
            when.tv_nsec += 50'000'000;
            if (when.tv_nsec >= 1'000'000'000) {
              ++when.tv_sec;
              when.tv_nsec -= 1'000'000'000;
            }
            EXPECT_EQ(::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &when, nullptr), 0);
        }
      });
    }
    g.join();
  });
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, 50ms);
  EXPECT_LT(took, 4s);  // five, were they one after the other
}

TEST(hooks, a_sleep_that_is_cut_short_tells_what_is_left) {
  test::run([&] {
    bool told = false;
    EXPECT_THROW(with_deadline(10ms,
                               [&] {
                                 EXPECT_GE(::sleep(100), 90U);
                                 timespec left{}, hour{3600, 0};
                                 EXPECT_EQ(::nanosleep(&hour, &left), -1);
                                 EXPECT_EQ(test::read_errno(), ETIMEDOUT);
                                 EXPECT_GE(left.tv_sec, 3590);
                                 told = true;
                                 yield();
                               }),
                 timeout_error);
    EXPECT_TRUE(told);
  });
}

TEST(hooks, cancellation_is_an_error_of_the_call) {
  stream_pair s;
  test::run([&] {
    group g;
    std::atomic<int> begun{0}, errors{0};
    const auto expect_cancelled = [&](ssize_t result) {
      if (result == -1 && test::read_errno() == ECANCELED) ++errors;
    };
    char c = 0;
    pollfd p{s.fd[0], POLLIN, 0};
    g.spawn([&] {
      ++begun;
      expect_cancelled(::read(s.fd[0], &c, 1));
    });
    g.spawn([&] {
      ++begun;
      expect_cancelled(::recv(s.fd[0], &c, 1, 0));
    });
    g.spawn([&] {
      ++begun;
      expect_cancelled(::poll(&p, 1, -1));
    });
    g.spawn([&] {
      ++begun;
      expect_cancelled(::usleep(100'000'000));
      EXPECT_EQ(::send(s.fd[1], "x", 1, 0), 1);  // what need not wait is done
    });
    test::give_way_until([&] { return begun == 4; });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
    EXPECT_EQ(errors, 4);
  });
}

TEST(hooks, one_who_does_not_listen_does_not_keep_the_worker) {
  weft::run(test::test_options(1), [&] {
    std::atomic<bool> end{false};
    stream_pair s;
    group g;
    g.spawn([&] {
      char c = 0;
      while (!end) ::recv(s.fd[0], &c, 1, 0);
    });
    sleep_for(1ms);
    g.cancel();
    shield patience(10s);
    sleep_for(5ms);
    end = true;
  });
}

TEST(hooks, waiting_fibers_stay_on_their_worker) {
  test::run([&] {
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([] {
        stream_pair s;
        for (int round = 0; round < 20; ++round) {
          const auto thread = std::this_thread::get_id();
          pollfd p{s.fd[0], POLLIN, 0};
          EXPECT_EQ(::poll(&p, 1, 1), 0);
          EXPECT_EQ(::usleep(100), 0);
          EXPECT_EQ(std::this_thread::get_id(), thread);
          yield();
        }
      });
    }
    g.join();
  });
}

TEST(hooks, opening_a_named_pipe_waits_for_the_other_end) {
  const scratch directory;
  const std::string name = (directory.path() / "fifo").string();
  ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
  while_other_runs(
      [&] {
        const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
        ASSERT_GE(fd, 0);
        char c = 0;
        EXPECT_EQ(::read(fd, &c, 1), 1);
        ::close(fd);
      },
      [&] {
        const int fd = ::open(name.c_str(), O_WRONLY | O_CLOEXEC);
        ASSERT_GE(fd, 0);
        EXPECT_EQ(::write(fd, "x", 1), 1);
        ::close(fd);
      });
}

TEST(hooks, files_are_read_written_and_synced) {
  const scratch directory;
  const std::string name = (directory.path() / "file").string();
  test::run([&] {
    const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    std::string big(1 << 20, 'f');
    EXPECT_EQ(::write(fd, big.data(), big.size()), static_cast<ssize_t>(big.size()));
    EXPECT_EQ(::pwrite(fd, "head", 4, 0), 4);
    EXPECT_EQ(::fsync(fd), 0);
    EXPECT_EQ(::fdatasync(fd), 0);
    std::string back(big.size() + 10, ' ');
    EXPECT_EQ(::pread(fd, back.data(), back.size(), 0), static_cast<ssize_t>(big.size()));
    EXPECT_EQ(back.substr(0, 5), "headf");
    EXPECT_EQ(::lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(::read(fd, back.data(), 4), 4);
    ::close(fd);
    EXPECT_EQ(::open((name + "/no").c_str(), O_RDONLY), -1);
    EXPECT_EQ(test::read_errno(), ENOTDIR);
  });
}

TEST(hooks, file_locks_are_waited_for) {
  const scratch directory;
  const std::string name = (directory.path() / "lock").string();
  const int mine = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int other = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(mine, LOCK_EX), 0);
  while_other_runs(
      [&] {
        EXPECT_EQ(::flock(other, LOCK_EX), 0);
        struct flock whole{};
        whole.l_type = F_WRLCK;
        EXPECT_EQ(::fcntl(other, F_OFD_SETLKW, &whole), 0);
      },
      [&] { EXPECT_EQ(::flock(mine, LOCK_UN), 0); });
  ::close(mine);
  ::close(other);
}

TEST(hooks, names_are_looked_up) {
  test::run([&] {
    addrinfo* found = nullptr;
    ASSERT_EQ(::getaddrinfo("localhost", "80", nullptr, &found), 0);
    ::freeaddrinfo(found);
    addrinfo numeric{};
    numeric.ai_flags = AI_NUMERICHOST;
    ASSERT_EQ(::getaddrinfo("127.0.0.1", nullptr, &numeric, &found), 0);
    ::freeaddrinfo(found);
    EXPECT_EQ(::getaddrinfo("127.0.0.1.", "no such service", nullptr, &found), EAI_SERVICE);
    EXPECT_NE(::gethostbyname("localhost"), nullptr);
    hostent entry{}, *result = nullptr;
    std::array<char, 4096> buffer;
    int why = 0;
    EXPECT_EQ(::gethostbyname_r("localhost", &entry, buffer.data(), buffer.size(), &result, &why), 0);
  });
}

TEST(hooks, on_a_thread_they_are_the_real_calls) {
  pipe_pair p;
  std::thread writer([&] { EXPECT_EQ(::write(p.fd[1], "x", 1), 1); });
  char c = 0;
  EXPECT_EQ(::read(p.fd[0], &c, 1), 1);
  writer.join();
  EXPECT_EQ(::usleep(1), 0);
}

}  // namespace
}  // namespace weft::hooks_test
