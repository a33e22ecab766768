// What threads wait for each other with, between fibers and with the main thread, in the C library's forms and the C++ library's.
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.hpp"

namespace {

using namespace std::chrono_literals;

template <class F>
void in_threads(int count, F f) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&f, i] { f(i); });
  for (std::thread& t : threads) t.join();
}

// The main thread is the only producer, and then the only consumer.
void queue(int items) {
  std::mutex mutex;
  std::condition_variable filled, emptied;
  std::deque<int> waiting;
  long sum = 0;
  int left = items;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (;;) {
        std::unique_lock lock(mutex);
        filled.wait(lock, [&] { return !waiting.empty() || left == 0; });
        if (left == 0) return;
        sum += waiting.front();
        waiting.pop_front();
        if (--left == 0) filled.notify_all();
        emptied.notify_one();
      }
    });
  }
  for (int i = 0; i < items; ++i) {
    std::unique_lock lock(mutex);
    emptied.wait(lock, [&] { return waiting.size() < 32; });
    waiting.push_back(i);
    filled.notify_one();
  }
  for (std::thread& t : threads) t.join();
  CHECK_EQUAL(sum, static_cast<long>(items) * (items - 1) / 2);
}

void mutexes() {
  std::recursive_mutex recursive;
  std::timed_mutex timed;
  int inside = 0;
  in_threads(32, [&](int) {
    for (int i = 0; i < 30; ++i) {
      const std::lock_guard outer(recursive);
      const std::lock_guard inner(recursive);
      CHECK_EQUAL(++inside, 1);
      usleep(20);
      --inside;
    }
  });
  timed.lock();
  in_threads(4, [&](int) { CHECK(!timed.try_lock_for(5ms)); });
  timed.unlock();

  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_t checking;
  pthread_mutex_init(&checking, &a);
  in_threads(4, [&](int) {
    CHECK_EQUAL(pthread_mutex_lock(&checking), 0);
    usleep(200);
    CHECK_EQUAL(pthread_mutex_lock(&checking), EDEADLK);
    CHECK_EQUAL(pthread_mutex_unlock(&checking), 0);
    CHECK_EQUAL(pthread_mutex_unlock(&checking), EPERM);
  });

  pthread_mutexattr_init(&a);
  pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
  pthread_mutex_t inheriting;
  pthread_mutex_init(&inheriting, &a);
  std::atomic<bool> end{false};
  std::thread main_waits_too([&] {
    in_threads(8, [&](int) {
      for (int i = 0; i < 20; ++i) {
        CHECK_EQUAL(pthread_mutex_lock(&inheriting), 0);
        usleep(100);
        CHECK_EQUAL(pthread_mutex_unlock(&inheriting), 0);
      }
    });
    end = true;
  });
  while (!end) {
    CHECK_EQUAL(pthread_mutex_lock(&inheriting), 0);
    CHECK_EQUAL(pthread_mutex_unlock(&inheriting), 0);
    usleep(100);
  }
  main_waits_too.join();

  pthread_mutexattr_init(&a);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_t robust;
  pthread_mutex_init(&robust, &a);
  std::thread waiter;
  std::thread([&] {
    CHECK_EQUAL(pthread_mutex_lock(&robust), 0);
    waiter = std::thread([&] {
      CHECK_EQUAL(pthread_mutex_lock(&robust), EOWNERDEAD);
      CHECK_EQUAL(pthread_mutex_consistent(&robust), 0);
      CHECK_EQUAL(pthread_mutex_unlock(&robust), 0);
    });
    usleep(2000);
  }).join();
  waiter.join();
  CHECK_EQUAL(pthread_mutex_lock(&robust), 0);
  CHECK_EQUAL(pthread_mutex_unlock(&robust), 0);
}

void readers_and_writers() {
  std::shared_mutex mutex;
  int writers = 0;
  std::atomic<int> readers{0};
  in_threads(40, [&](int i) {
    for (int round = 0; round < 20; ++round) {
      if (i % 4 == 0) {
        const std::unique_lock lock(mutex);
        CHECK_EQUAL(++writers, 1);
        CHECK_EQUAL(readers.load(), 0);
        sched_yield();
        --writers;
      } else {
        const std::shared_lock lock(mutex);
        ++readers;
        CHECK_EQUAL(writers, 0);
        usleep(10);
        --readers;
      }
    }
  });
}

void semaphores() {
  sem_t s;
  sem_init(&s, 0, 3);
  std::atomic<int> inside{0};
  in_threads(30, [&](int) {
    for (int i = 0; i < 20; ++i) {
      CHECK_EQUAL(sem_wait(&s), 0);
      CHECK(++inside <= 3);
      usleep(20);
      --inside;
      CHECK_EQUAL(sem_post(&s), 0);
    }
  });
  std::thread post([&] {
    usleep(2000);
    for (int i = 0; i < 100; ++i) sem_post(&s);
  });
  for (int i = 0; i < 103; ++i) CHECK_EQUAL(sem_wait(&s), 0);  // as the main thread
  post.join();
  in_threads(2, [&](int) {
    timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec = (t.tv_nsec + 1'000'000) % 1'000'000'000;
    CHECK_EQUAL(sem_timedwait(&s, &t), -1);
    CHECK_EQUAL(errno, ETIMEDOUT);
  });
  sem_destroy(&s);
}

void standard_library() {
  std::vector<std::future<int>> futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(std::async(std::launch::async, [i] {
      std::this_thread::sleep_for(std::chrono::milliseconds(i % 5));
      return i;
    }));
  }
  int sum = 0;
  for (auto& f : futures) sum += f.get();
  CHECK_EQUAL(sum, 4950);

  auto nested = std::async(std::launch::async, [] {
    std::vector<std::future<int>> inner;
    for (int i = 0; i < 20; ++i) inner.push_back(std::async(std::launch::async, [i] { return i; }));
    int total = 0;
    for (auto& f : inner) total += f.get();
    return total;
  });
  CHECK_EQUAL(nested.get(), 190);

  std::promise<int> promise;
  auto future = promise.get_future();
  std::atomic<bool> looked{false};
  std::thread failing([&] {
    looked.wait(false);
    promise.set_exception(std::make_exception_ptr(std::runtime_error("as told")));
  });
  CHECK(future.wait_for(1ms) == std::future_status::timeout);
  looked = true;
  looked.notify_all();
  bool thrown = false;
  try {
    future.get();
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  CHECK(thrown);
  failing.join();

  std::latch latch(50);
  std::counting_semaphore<8> semaphore(3);
  std::once_flag once;
  std::atomic<int> begun{0}, counted{0};
  in_threads(50, [&](int) {
    latch.arrive_and_wait();
    semaphore.acquire();
    std::this_thread::yield();
    ++counted;
    semaphore.release();
    std::call_once(once, [&] {
      std::this_thread::sleep_for(5ms);
      ++begun;
    });
    CHECK_EQUAL(begun.load(), 1);
    static const int slow = (std::this_thread::sleep_for(5ms), 7);
    CHECK_EQUAL(slow, 7);
  });
  CHECK_EQUAL(counted.load(), 50);

  std::barrier barrier(20);
  pthread_barrier_t older;
  pthread_barrier_init(&older, nullptr, 20);
  std::atomic<int> serial{0};
  in_threads(20, [&](int) {
    for (int i = 0; i < 30; ++i) {
      barrier.arrive_and_wait();
      // NOLINTNEXTLINE(bugprone-posix-return): that constant is negative
      if (pthread_barrier_wait(&older) == PTHREAD_BARRIER_SERIAL_THREAD) ++serial;
    }
  });
  CHECK_EQUAL(serial.load(), 30);
  CHECK_EQUAL(pthread_barrier_destroy(&older), 0);

  std::vector<std::unique_ptr<pthread_barrier_t>> used_once(100);  // and destroyed by the first that leaves
  std::vector<std::atomic<bool>> left(used_once.size());
  for (auto& one : used_once) {
    one = std::make_unique<pthread_barrier_t>();
    pthread_barrier_init(one.get(), nullptr, 10);
  }
  in_threads(10, [&](int) {
    for (std::size_t i = 0; i < used_once.size(); ++i) {
      pthread_barrier_wait(used_once[i].get());
      if (left[i].exchange(true)) continue;
      CHECK_EQUAL(pthread_barrier_destroy(used_once[i].get()), 0);
      std::memset(used_once[i].get(), 0xFF, sizeof(pthread_barrier_t));
      used_once[i].reset();
    }
  });

  std::atomic<int> value{0};
  std::thread waits([&] { value.wait(0); });
  usleep(2000);
  value = 1;
  value.notify_all();
  waits.join();
  std::thread wakes([&] {
    usleep(2000);
    value = 2;
    value.notify_all();
  });
  value.wait(1);  // the main thread
  wakes.join();
}

void locked_stream() {
  std::atomic<int> done{0};
  in_threads(200, [&](int) {
    flockfile(stderr);
    usleep(50);
    funlockfile(stderr);
    ++done;
  });
  CHECK_EQUAL(done.load(), 200);
}

void spinning() {
  std::atomic<bool> flag{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      while (!flag) {
      }
    });
  }
  std::thread last([&] { flag = true; });
  for (std::thread& t : threads) t.join();
  last.join();
}

}  // namespace

int main() {
  queue(20'000);
  mutexes();
  readers_and_writers();
  semaphores();
  standard_library();
  locked_stream();
  spinning();
  std::puts("ok");
}
