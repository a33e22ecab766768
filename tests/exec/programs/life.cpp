// The beginnings and ends of threads: results, detaching, joining in time, exits, cancellation, keys, stacks of the caller's.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <thread>
#include <vector>

#include "check.hpp"

namespace {

void* as_result(long n) { return reinterpret_cast<void*>(n); }

timespec so_far_from_now(clockid_t clock, long milliseconds) {
  timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += milliseconds * 1'000'000;
  t.tv_sec += t.tv_nsec / 1'000'000'000;
  t.tv_nsec %= 1'000'000'000;
  return t;
}

void results() {
  pthread_t t;
  CHECK_EQUAL(pthread_create(&t, nullptr, [](void* p) { return p; }, as_result(7)), 0);
  void* result = nullptr;
  CHECK_EQUAL(pthread_join(t, &result), 0);
  CHECK(result == as_result(7));

  struct at_exit {
    int* where;
    ~at_exit() { *where = 5; }
  };
  static int destroyed = 0;
  CHECK_EQUAL(pthread_create(
                  &t, nullptr,
                  [](void*) -> void* {
                    const at_exit object{&destroyed};
                    usleep(1000);
                    pthread_exit(as_result(42));
                  },
                  nullptr),
              0);
  CHECK_EQUAL(pthread_join(t, &result), 0);
  CHECK(result == as_result(42));
  CHECK_EQUAL(destroyed, 5);
}

void joining() {
  static std::atomic<bool> go{false};
  go = false;
  pthread_t t;
  pthread_create(
      &t, nullptr,
      [](void*) -> void* {
        while (!go) usleep(200);
        return nullptr;
      },
      nullptr);
  CHECK_EQUAL(pthread_tryjoin_np(t, nullptr), EBUSY);
  const timespec soon = so_far_from_now(CLOCK_REALTIME, 10);
  CHECK_EQUAL(pthread_timedjoin_np(t, nullptr, &soon), ETIMEDOUT);
  const timespec also_soon = so_far_from_now(CLOCK_MONOTONIC, 10);
  CHECK_EQUAL(pthread_clockjoin_np(t, nullptr, CLOCK_MONOTONIC, &also_soon), ETIMEDOUT);
  go = true;
  CHECK_EQUAL(pthread_join(t, nullptr), 0);

  pthread_create(
      &t, nullptr,
      [](void*) -> void* {
        CHECK_EQUAL(pthread_join(pthread_self(), nullptr), EDEADLK);
        return nullptr;
      },
      nullptr);
  pthread_join(t, nullptr);
}

void detached() {
  static std::atomic<int> ran{0};
  ran = 0;
  for (int i = 0; i < 200; ++i) std::thread([] { ++ran; }).detach();
  pthread_attr_t a;
  pthread_attr_init(&a);
  pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
  for (int i = 0; i < 200; ++i) {
    pthread_t t;
    CHECK_EQUAL(pthread_create(
                    &t, &a,
                    [](void*) -> void* {
                      ++ran;
                      return nullptr;
                    },
                    nullptr),
                0);
  }
  while (ran != 400) usleep(500);
}

void cancellation() {
  static int cleaned = 0;
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  pthread_t t;
  pthread_create(
      &t, nullptr,
      [](void*) -> void* {
        pthread_mutex_lock(&mutex);
        pthread_cleanup_push(
            [](void*) {
              ++cleaned;
              CHECK_EQUAL(pthread_mutex_unlock(&mutex), 0);  // it holds the mutex again
            },
            nullptr);
        for (;;) pthread_cond_wait(&condition, &mutex);
        pthread_cleanup_pop(0);
      },
      nullptr);
  usleep(5000);
  CHECK_EQUAL(pthread_cancel(t), 0);
  void* result = nullptr;
  pthread_join(t, &result);
  CHECK(result == PTHREAD_CANCELED);
  CHECK_EQUAL(cleaned, 1);

  pthread_create(
      &t, nullptr,
      [](void*) -> void* {
        sleep(1000);
        return nullptr;
      },
      nullptr);
  usleep(2000);
  pthread_cancel(t);
  pthread_join(t, &result);
  CHECK(result == PTHREAD_CANCELED);

  static std::atomic<bool> asked{false};
  pthread_create(
      &t, nullptr,
      [](void*) -> void* {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
        while (!asked) usleep(200);
        usleep(2000);  // a cancellation point, if it were allowed
        return as_result(3);
      },
      nullptr);
  pthread_cancel(t);
  asked = true;
  pthread_join(t, &result);
  CHECK(result == as_result(3));
}

// Waits for a descriptor end by cancellation, too, and lose nothing when they are not.
void cancelled_reads() {
  static int ends[2];
  CHECK_EQUAL(pipe(ends), 0);
  const auto read_a_byte = [](void*) -> void* {
    char c = 0;
    return as_result(read(ends[0], &c, 1) == 1 ? c : -1);
  };
  for (int i = 0; i < 20; ++i) {
    pthread_t t;
    pthread_create(&t, nullptr, read_a_byte, nullptr);
    if (i % 2 == 0) usleep(1000);
    pthread_cancel(t);
    void* result = nullptr;
    pthread_join(t, &result);
    CHECK(result == PTHREAD_CANCELED);
  }
  pthread_t t;
  pthread_create(&t, nullptr, read_a_byte, nullptr);
  CHECK_EQUAL(write(ends[1], "x", 1), 1);
  void* result = nullptr;
  pthread_join(t, &result);
  CHECK(result == as_result('x'));
}

void keys() {
  static pthread_key_t key;
  static std::atomic<int> destroyed{0};
  pthread_key_create(&key, [](void*) { ++destroyed; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([] {
      CHECK(pthread_getspecific(key) == nullptr);
      pthread_setspecific(key, as_result(1));
      usleep(100);
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK_EQUAL(destroyed.load(), 50);
  pthread_key_delete(key);
}

void stacks() {
  constexpr std::size_t size = 1 << 20;
  static char* given = nullptr;
  given = static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  pthread_attr_t a;
  pthread_attr_init(&a);
  pthread_attr_setstack(&a, given, size);
  pthread_t t;
  CHECK_EQUAL(pthread_create(
                  &t, &a,
                  [](void*) -> void* {
                    char here = 0;
                    usleep(1000);
                    return as_result(&here >= given && &here < given + size ? 1 : 0);
                  },
                  nullptr),
              0);
  void* result = nullptr;
  pthread_join(t, &result);
  CHECK(result == as_result(1));
  munmap(given, size);

  // Larger than the usual one, and all of it usable.
  pthread_attr_init(&a);
  pthread_attr_setstacksize(&a, std::size_t{32} << 20);
  pthread_create(
      &t, &a,
      [](void*) -> void* {
        volatile char large[28 << 20];
        for (std::size_t i = 0; i < sizeof large; i += 4096) large[i] = 1;
        usleep(100);
        return as_result(large[4096]);
      },
      nullptr);
  pthread_join(t, &result);
  CHECK(result == as_result(1));

  std::thread([] {
    pthread_attr_t own;
    CHECK_EQUAL(pthread_getattr_np(pthread_self(), &own), 0);
    void* low = nullptr;
    std::size_t length = 0;
    pthread_attr_getstack(&own, &low, &length);
    char here = 0;
    CHECK(&here > static_cast<char*>(low) && &here < static_cast<char*>(low) + length);
    pthread_attr_destroy(&own);
  }).join();
}

}  // namespace

int main() {
  results();
  joining();
  detached();
  cancellation();
  cancelled_reads();
  keys();
  stacks();
  std::puts("ok");
}
