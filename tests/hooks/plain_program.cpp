// A program that has weft and no hooks, for test_preload: which calls of the C library let its other fibers go on?
//
//   plain_program PATIENCE     milliseconds that a call waits for another fiber; prints a line for each call, "NAME parks" or "NAME blocks"
//
// One worker, and nobody sends a spare. No verdict depends on time unless a call that should park blocks.
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <utility>

#include <weft/weft.hpp>

namespace {

long patience = 0;

struct pair {
  std::array<int, 2> fd{};
  pair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd.data()) != 0) std::abort();
    const timeval limit{patience / 1000, patience % 1000 * 1000};
    ::setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~pair() {
    for (const int one : fd) ::close(one);
  }
  pair(const pair&) = delete;
  pair& operator=(const pair&) = delete;
  void write() const {
    if (::write(fd[1], "x", 1) != 1) std::abort();
  }
};

// Runs waits() on one fiber and, once it has begun, meanwhile() on another.
void side_by_side(weft::group& g, const std::function<void()>& waits, const std::function<void()>& meanwhile) {
  bool begun = false;
  g.spawn([&] {
    begun = true;
    waits();
  });
  g.spawn([&] {
    while (!begun) weft::yield();
    meanwhile();
  });
  try {
    g.join();
  } catch (const weft::cancelled&) {
  }
}

// waits() says whether what it waited for has come; meanwhile() is what another fiber does for it.
void try_call(const char* name, const std::function<bool()>& waits, const std::function<void()>& meanwhile) {
  bool parks = false;
  weft::group g;
  side_by_side(g, [&] { parks = waits(); }, meanwhile);
  std::printf("%s %s\n", name, parks ? "parks" : "blocks");
}

void try_sleeping() {
  bool others_ran = false;
  try_call(
      "usleep",
      [&] {
        for (long i = 0; i < patience && !others_ran; ++i) ::usleep(1000);
        return others_ran;
      },
      [&] { others_ran = true; });
}

void try_descriptors() {
  const pair p;
  char c = 0;
  try_call("read", [&] { return ::read(p.fd[0], &c, 1) == 1; }, [&] { p.write(); });
  if (::recv(p.fd[0], &c, 1, MSG_DONTWAIT) < 0) c = 0;
  pollfd ready{p.fd[0], POLLIN, 0};
  try_call("poll", [&] { return ::poll(&ready, 1, static_cast<int>(patience)) == 1; }, [&] { p.write(); });
}

void try_locking() {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  ::pthread_mutex_lock(&m);
  bool locked = true;
  try_call(
      "pthread_mutex_timedlock",
      [&] {
        timespec limit{};
        ::clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += patience / 1000;
        limit.tv_nsec += patience % 1000 * 1'000'000;
        if (limit.tv_nsec >= 1'000'000'000) limit = {limit.tv_sec + 1, limit.tv_nsec - 1'000'000'000};
        return ::pthread_mutex_timedlock(&m, &limit) == 0;
      },
      [&] {
        if (std::exchange(locked, false)) ::pthread_mutex_unlock(&m);
      });
}

// Cancellation comes from the program's side of the library as an exception, and is an error to the call.
void try_cancelling() {
  const pair p;
  char c = 0;
  weft::group g;
  bool cancelled = false;
  side_by_side(g, [&] { cancelled = ::recv(p.fd[0], &c, 1, 0) < 0 && errno == ECANCELED; }, [&] { g.cancel(); });
  std::printf("cancellation %s\n", cancelled ? "ends it" : "is not heard");
}

}  // namespace

int main(int count, char** words) {
  patience = count > 1 ? std::atol(words[1]) : 100;
  weft::options o;
  o.workers = 1;
  o.monitor = false;
  weft::run(o, [] {
    [[maybe_unused]] const auto does_some_io = weft::io::make_pipe();
    try_sleeping();
    try_descriptors();
    try_locking();
    try_cancelling();
  });
}
