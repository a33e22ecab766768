// Hooks of the C standard's threads, of waiting for signals, of message queues and of transfers inside the kernel. On one worker that nobody relieves.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <threads.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

#include <weft/weft.hpp>

#include "support.hpp"

namespace weft::hooks_test {
namespace {

template <class F>
void run_alone(F f) {
  options o = test::options_without_spares();
  o.workers = 1;
  weft::run(o, f);
}

// ---- the C standard's threads

TEST(c11_threads, a_queue_of_one) {
  mtx_t m;
  cnd_t changed;
  ASSERT_EQ(::mtx_init(&m, mtx_plain), thrd_success);
  ASSERT_EQ(::cnd_init(&changed), thrd_success);
  constexpr int wanted = 100;
  int value = 0;
  int sum = 0;
  run_alone([&] {
    group g;
    g.spawn([&] {
      for (int i = 1; i <= wanted; ++i) {
        EXPECT_EQ(::mtx_lock(&m), thrd_success);
        while (value != 0) EXPECT_EQ(::cnd_wait(&changed, &m), thrd_success);
        value = i;
        EXPECT_EQ(::cnd_signal(&changed), thrd_success);
        EXPECT_EQ(::mtx_unlock(&m), thrd_success);
      }
    });
    g.spawn([&] {
      for (int i = 1; i <= wanted; ++i) {
        EXPECT_EQ(::mtx_lock(&m), thrd_success);
        while (value == 0) EXPECT_EQ(::cnd_wait(&changed, &m), thrd_success);
        sum += std::exchange(value, 0);
        EXPECT_EQ(::cnd_broadcast(&changed), thrd_success);
        EXPECT_EQ(::mtx_unlock(&m), thrd_success);
      }
    });
    g.join();
  });
  EXPECT_EQ(sum, wanted * (wanted + 1) / 2);
  ::cnd_destroy(&changed);
  ::mtx_destroy(&m);
}

TEST(c11_threads, time_limits_and_attempts_are_told_in_their_words) {
  mtx_t m;
  cnd_t never;
  ::mtx_init(&m, mtx_timed);
  ::cnd_init(&never);
  run_alone([&] {
    timespec past{};
    ::timespec_get(&past, TIME_UTC);
    ::mtx_lock(&m);
    group g;
    g.spawn([&] {
      EXPECT_EQ(::mtx_trylock(&m), thrd_busy);
      EXPECT_EQ(::mtx_timedlock(&m, &past), thrd_timedout);
    });
    g.join();
    EXPECT_EQ(::cnd_timedwait(&never, &m, &past), thrd_timedout);
    ::mtx_unlock(&m);
  });
  ::cnd_destroy(&never);
  ::mtx_destroy(&m);
}

TEST(c11_threads, sleep_once_and_join) {
  run_alone([&] {
    bool others_ran = false;
    group g;
    g.spawn([&] {
      const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
      while (!others_ran) EXPECT_EQ(::thrd_sleep(&moment, nullptr), 0);
    });
    g.spawn([&] { others_ran = true; });
    g.join();
    static ::once_flag flag = ONCE_FLAG_INIT;
    static int calls = 0;
    for (int i = 0; i < 3; ++i) ::call_once(&flag, [] { ++calls; });
    EXPECT_EQ(calls, 1);
    if (test::sanitized) return;  // they know nothing of a thread that is made so
    thrd_t thread{};
    ASSERT_EQ(::thrd_create(&thread, [](void*) { return -7; }, nullptr), thrd_success);
    int result = 0;
    EXPECT_EQ(::thrd_join(thread, &result), thrd_success);
    EXPECT_EQ(result, -7);
  });
}

// ---- signals

// Blocked in the whole process while it exists, as it is made before the workers' threads are.
class blocked_signal {
 public:
  explicit blocked_signal(int signal) {
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~blocked_signal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  blocked_signal(const blocked_signal&) = delete;
  blocked_signal& operator=(const blocked_signal&) = delete;
  sigset_t set{};

 private:
  sigset_t before_{};
};

TEST(signal_waits, others_run_until_it_comes) {
  const blocked_signal usr1(SIGUSR1);
  run_alone([&] {
    std::atomic<int> begun{0};
    group g;
    g.spawn([&] {
      ++begun;
      int signal = 0;
      EXPECT_EQ(::sigwait(&usr1.set, &signal), 0);
      EXPECT_EQ(signal, SIGUSR1);
    });
    test::give_way_until([&] { return begun == 1; });
    EXPECT_EQ(::kill(::getpid(), SIGUSR1), 0);
    g.join();
    g.spawn([&] {
      ++begun;
      siginfo_t info{};
      EXPECT_EQ(::sigwaitinfo(&usr1.set, &info), SIGUSR1);
      EXPECT_EQ(info.si_pid, ::getpid());
    });
    test::give_way_until([&] { return begun == 2; });
    EXPECT_EQ(::kill(::getpid(), SIGUSR1), 0);
    g.join();
  });
}

TEST(signal_waits, they_end_at_their_limit_and_by_cancellation) {
  const blocked_signal usr1(SIGUSR1);
  run_alone([&] {
    const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
    EXPECT_EQ(::sigtimedwait(&usr1.set, nullptr, &moment), -1);
    EXPECT_EQ(test::read_errno(), EAGAIN);
    group g;
    bool begun = false;
    g.spawn([&] {
      begun = true;
      int signal = 0;
      EXPECT_EQ(::sigwait(&usr1.set, &signal), ECANCELED);
    });
    test::give_way_until([&] { return begun; });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
  });
}

// ---- message queues

// Of two messages, eight bytes each; nobody else knows its name.
struct message_queue {
  explicit message_queue(int flags = 0) {
    const std::string name = "/weft-hooks-" + std::to_string(::getpid());
    mq_attr attributes{};
    attributes.mq_maxmsg = 2;
    attributes.mq_msgsize = 8;
    id = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600, &attributes);
    EXPECT_GE(id, 0) << name;
    ::mq_unlink(name.c_str());
  }
  ~message_queue() { ::mq_close(id); }
  message_queue(const message_queue&) = delete;
  message_queue& operator=(const message_queue&) = delete;

  // An error's number, or 0.
  int send(const char* text, unsigned priority = 0, const timespec* when = nullptr) const {
    const int sent = when != nullptr ? ::mq_timedsend(id, text, std::strlen(text), priority, when)
                                     : ::mq_send(id, text, std::strlen(text), priority);
    return sent == 0 ? 0 : test::read_errno();
  }
  int receive(std::string& text, const timespec* when = nullptr) const {
    std::array<char, 8> room{};
    const ssize_t size = when != nullptr ? ::mq_timedreceive(id, room.data(), room.size(), nullptr, when)
                                         : ::mq_receive(id, room.data(), room.size(), nullptr);
    if (size < 0) return test::read_errno();
    text.assign(room.data(), static_cast<std::size_t>(size));
    return 0;
  }
  mqd_t id;
};

timespec soon() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  constexpr long second = 1'000'000'000;
  t.tv_nsec += second / 1000;
  if (t.tv_nsec >= second) {
    t.tv_nsec -= second;
    ++t.tv_sec;
  }
  return t;
}

// Both wait for each other again and again: the queue holds two.
TEST(message_queues, fibers_wait_for_messages_and_for_room) {
  const message_queue queue;
  constexpr int count = 500;
  run_alone([&] {
    group g;
    g.spawn([&] {
      for (int i = 0; i < count; ++i) {
        std::string text;
        ASSERT_EQ(queue.receive(text), 0);
        EXPECT_EQ(text, std::to_string(i));
      }
    });
    g.spawn([&] {
      for (int i = 0; i < count; ++i) ASSERT_EQ(queue.send(std::to_string(i).c_str()), 0);
    });
    g.join();
  });
}

TEST(message_queues, they_keep_their_order_and_say_what_cannot_be) {
  const message_queue queue, never_waits(O_NONBLOCK);
  run_alone([&] {
    std::string text;
    EXPECT_EQ(queue.send("low", 1), 0);
    EXPECT_EQ(queue.send("high", 9), 0);
    const timespec late = soon();
    EXPECT_EQ(queue.send("no room", 0, &late), ETIMEDOUT);
    EXPECT_EQ(queue.send("too long for it"), EMSGSIZE);
    EXPECT_EQ(queue.receive(text), 0);
    EXPECT_EQ(text, "high");
    EXPECT_EQ(queue.receive(text, &late), 0);  // needs not wait
    EXPECT_EQ(text, "low");
    const timespec later = soon(), invalid{.tv_sec = 0, .tv_nsec = -1};
    EXPECT_EQ(queue.receive(text, &later), ETIMEDOUT);
    EXPECT_EQ(queue.receive(text, &invalid), EINVAL);
    EXPECT_EQ(never_waits.receive(text), EAGAIN);
  });
}

TEST(message_queues, waiting_ends_by_cancellation_and_loses_nothing) {
  const message_queue queue;
  run_alone([&] {
    group g;
    bool begun = false;
    g.spawn([&] {
      begun = true;
      std::string text;
      EXPECT_EQ(queue.receive(text), ECANCELED);
    });
    test::give_way_until([&] { return begun; });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
    std::string text;
    EXPECT_EQ(queue.send("after"), 0);
    EXPECT_EQ(queue.receive(text), 0);
    EXPECT_EQ(text, "after");
  });
}

// ---- transfers inside the kernel

struct temporary_file {
  int fd = -1;
  explicit temporary_file(const std::string& text) {
    std::string name = "/tmp/weft-hooks-XXXXXX";
    fd = ::mkostemp(name.data(), O_CLOEXEC);
    ::unlink(name.c_str());
    EXPECT_EQ(::pwrite(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  ~temporary_file() { ::close(fd); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
};

// More than a socket holds: it ends only if the reader runs meanwhile.
TEST(transfers, a_file_is_sent_while_another_fiber_reads) {
  const std::string text(4 << 20, 'x');
  const temporary_file f(text);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  std::size_t received = 0;
  run_alone([&] {
    group g;
    g.spawn([&] {
      off_t from = 0;
      while (static_cast<std::size_t>(from) < text.size())
        ASSERT_GT(::sendfile(ends[1], f.fd, &from, text.size() - static_cast<std::size_t>(from)), 0);
      ::close(ends[1]);
    });
    g.spawn([&] {
      std::array<char, 65536> part;
      for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;) received += static_cast<std::size_t>(n);
    });
    g.join();
  });
  EXPECT_EQ(received, text.size());
  ::close(ends[0]);
}

TEST(transfers, splice_waits_for_a_pipe_and_files_are_copied) {
  const temporary_file from("copied"), to("");
  int in[2];
  int out[2];
  ASSERT_EQ(::pipe2(in, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
  run_alone([&] {
    bool begun = false;
    group g;
    g.spawn([&] {
      begun = true;
      EXPECT_EQ(::splice(in[0], nullptr, out[1], nullptr, 4096, 0), 5);
    });
    test::give_way_until([&] { return begun; });
    EXPECT_EQ(::write(in[1], "piped", 5), 5);
    g.join();
    off64_t first = 0;
    EXPECT_EQ(::copy_file_range(from.fd, &first, to.fd, nullptr, 100, 0), 6);
  });
  for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
}

}  // namespace
}  // namespace weft::hooks_test
