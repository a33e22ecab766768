// What belongs to a thread stays with it, however often it waits and wherever it goes on: thread-locals, errno, identity, exceptions, locale, mask.
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"

namespace {

std::atomic<int> destroyed{0};
struct counted {
  ~counted() { ++destroyed; }
};
thread_local counted object;
thread_local int number = 0;
thread_local std::string text = "initial";

void keep_identity(int i) {
  static_cast<void>(&object);
  CHECK_EQUAL(number, 0);
  CHECK(text == "initial");
  const pthread_t self = pthread_self();
  const pid_t tid = gettid();
  number = i;
  text = std::to_string(i);
  errno = i + 1;
  for (int round = 0; round < 4; ++round) {
    usleep(2000);
    CHECK_EQUAL(errno, i + 1);
    CHECK_EQUAL(number, i);
    CHECK(text == std::to_string(i));
    CHECK(pthread_equal(self, pthread_self()));
    CHECK_EQUAL(gettid(), tid);
    CHECK_EQUAL(open("/does/not/exist", O_RDONLY), -1);
    CHECK_EQUAL(errno, ENOENT);
    errno = i + 1;
  }
}

void many_threads(int count) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  const int before = destroyed;
  for (int i = 0; i < count; ++i) threads.emplace_back(keep_identity, i);
  for (std::thread& t : threads) t.join();
  CHECK_EQUAL(destroyed - before, count);
}

void exceptions_across_waits() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 200; ++round) {
        try {
          if (round % 20 == 0) usleep(100);
          throw std::runtime_error(std::to_string(i));
        } catch (const std::exception& e) {
          try {
            sched_yield();
            throw int{i};
          } catch (int caught) {
            CHECK_EQUAL(caught, i);
          }
          CHECK(e.what() == std::to_string(i));
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

void masks_and_stacks() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([i] {
      sigset_t mask;
      sigemptyset(&mask);
      if (i % 2 != 0) sigaddset(&mask, SIGUSR2);
      CHECK_EQUAL(pthread_sigmask(SIG_SETMASK, &mask, nullptr), 0);
      std::vector<char> memory(65536);
      stack_t alternate = {};
      alternate.ss_sp = memory.data();
      alternate.ss_size = memory.size();
      CHECK_EQUAL(sigaltstack(&alternate, nullptr), 0);
      for (int round = 0; round < 20; ++round) {
        usleep(500);
        sigset_t now;
        pthread_sigmask(SIG_BLOCK, nullptr, &now);
        CHECK_EQUAL(sigismember(&now, SIGUSR2), i % 2);
        stack_t seen;
        CHECK_EQUAL(sigaltstack(nullptr, &seen), 0);
        CHECK(seen.ss_sp == memory.data());
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

void locales() {
  bool kept = false;
  std::thread([&] {
    locale_t l = newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
    uselocale(l);
    usleep(1000);
    kept = uselocale(nullptr) == l;
  }).join();
  CHECK(kept);
  bool clean = false;
  std::thread([&] { clean = uselocale(nullptr) == LC_GLOBAL_LOCALE; }).join();
  CHECK(clean);
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::atoi(arguments[1]) : 2000;
  for (int round = 0; round < 3; ++round) many_threads(threads);
  exceptions_across_waits();
  masks_and_stacks();
  locales();
  std::puts("ok");
}
