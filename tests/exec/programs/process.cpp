// Processes and signals: fork, its children's threads, exec, signals to threads and to all, ids that change, the ways out.
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"

extern char** environ;

namespace {

std::atomic<int> handled{0};
void count(int) { ++handled; }

void handle(int signal, int flags) {
  struct sigaction a = {};
  a.sa_handler = &count;
  a.sa_flags = flags;
  sigaction(signal, &a, nullptr);
}

void children() {
  std::thread([] {
    const pid_t child = fork();
    if (child == 0) {
      std::atomic<int> ran{0};
      std::vector<std::thread> threads;
      for (int i = 0; i < 20; ++i) {
        threads.emplace_back([&] {
          usleep(1000);
          ++ran;
        });
      }
      for (std::thread& t : threads) t.join();
      _exit(ran);
    }
    int status = 0;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(WEXITSTATUS(status), 20);

    pid_t spawned = 0;
    char name[] = "true";
    char* arguments[] = {name, nullptr};
    CHECK_EQUAL(posix_spawnp(&spawned, "true", nullptr, nullptr, arguments, environ), 0);
    CHECK_EQUAL(waitpid(spawned, &status, 0), spawned);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(WEXITSTATUS(std::system("exit 3")), 3);
    FILE* pipe = popen("echo hi", "r");
    char line[16] = {};
    CHECK(std::fgets(line, sizeof line, pipe) != nullptr);
    CHECK(std::strcmp(line, "hi\n") == 0);
    pclose(pipe);
  }).join();
}

void signals_to_threads() {
  handle(SIGUSR1, SA_RESTART);
  std::atomic<bool> end{false};
  std::thread sleeper([&] {
    while (!end) usleep(500);
  });
  handled = 0;
  for (int i = 0; i < 10; ++i) {
    CHECK_EQUAL(pthread_kill(sleeper.native_handle(), SIGUSR1), 0);
    while (handled != i + 1) usleep(200);
  }
  end = true;
  sleeper.join();

  handled = 0;
  std::thread([] {
    CHECK_EQUAL(raise(SIGUSR1), 0);
    CHECK_EQUAL(handled.load(), 1);
    CHECK_EQUAL(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQUAL(handled.load(), 2);
    CHECK_EQUAL(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1), 0);
    CHECK_EQUAL(handled.load(), 3);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mask, nullptr);
    raise(SIGUSR1);
    CHECK_EQUAL(handled.load(), 3);
    pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
    CHECK_EQUAL(handled.load(), 4);
  }).join();

  // A sleep is cut short.
  std::atomic<int> result{0};
  std::thread interrupted([&] { result = usleep(900'000) == -1 && errno == EINTR ? 1 : 2; });
  while (result == 0) {
    pthread_kill(interrupted.native_handle(), SIGUSR1);
    usleep(1000);
  }
  interrupted.join();
  CHECK_EQUAL(result.load(), 1);

  // So is a read, where the handler does not want calls to be restarted.
  handle(SIGUSR1, 0);
  int ends[2];
  CHECK_EQUAL(pipe(ends), 0);
  result = 0;
  std::thread reading([&] {
    char c = 0;
    result = read(ends[0], &c, 1) == -1 && errno == EINTR ? 1 : 2;
  });
  while (result == 0) {
    pthread_kill(reading.native_handle(), SIGUSR1);
    usleep(1000);
  }
  reading.join();
  CHECK_EQUAL(result.load(), 1);

  handled = 0;
  for (int i = 0; i < 20; ++i) {
    kill(getpid(), SIGUSR1);
    while (handled != i + 1) usleep(100);
  }
}

void changing_user() {
  for (int i = 0; i < 20; ++i) std::thread([] { CHECK_EQUAL(setuid(getuid()), 0); }).join();
  CHECK_EQUAL(setgid(getgid()), 0);
}

void jumps() {
  std::thread([] {
    jmp_buf buffer;
    volatile int jumps = 0;
    const int n = setjmp(buffer);
    usleep(200);
    if (n < 5) {
      jumps = jumps + 1;
      longjmp(buffer, n + 1);
    }
    CHECK_EQUAL(jumps, 5);
  }).join();
}

// argv[1] chooses how the process ends.
int leave(const std::string& how) {
  if (how == "exit-in-thread") {
    std::thread([] { std::exit(7); }).join();
  } else if (how == "main-leaves") {
    pthread_t t;
    pthread_create(
        &t, nullptr,
        [](void*) -> void* {
          usleep(20'000);
          std::puts("the last");
          std::fflush(stdout);
          return nullptr;
        },
        nullptr);
    pthread_exit(nullptr);
  } else if (how == "uncaught") {
    std::set_terminate([] { std::_Exit(9); });
    std::thread([] { throw 5; }).join();
  } else if (how == "abort") {
    std::thread([] { std::abort(); }).join();
  } else if (how == "fault") {
    std::thread([] { raise(SIGSEGV); }).join();
  } else if (how == "while-others-run") {
    for (int i = 0; i < 100; ++i) {
      std::thread([] {
        for (;;) usleep(100);
      }).detach();
    }
    usleep(5000);
    return 11;
  }
  return 99;
}

}  // namespace

int main(int arguments, char** words) {
  if (arguments > 1) return leave(words[1]);
  children();
  signals_to_threads();
  changing_user();
  jumps();
  std::puts("ok");
}
