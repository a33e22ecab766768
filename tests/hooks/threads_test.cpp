// pthread synchronisation among fibers, and between fibers and threads. One worker alone hangs where a hook blocks it.
#include <gtest/gtest.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weft/weft.hpp>

#include "support.hpp"

namespace weft::hooks_test {
namespace {

using namespace std::chrono_literals;

// A task that nobody has begun when its group is joined would run on the joiner's own fiber.
template <class F>
void on_another_fiber(F f) {
  std::atomic<bool> done{false};
  group g;
  g.spawn([&] {
    f();
    done = true;
  });
  test::give_way_until([&] { return done.load(); });
  g.join();
}

template <class F>
auto run_alone(F f) {
  return weft::run(test::options_without_spares(), f);
}

class typed_mutex {
 public:
  explicit typed_mutex(int type) {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_settype(&attributes, type);
    ::pthread_mutex_init(&mutex_, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
  }
  ~typed_mutex() { EXPECT_EQ(::pthread_mutex_destroy(&mutex_), 0); }
  typed_mutex(const typed_mutex&) = delete;
  typed_mutex& operator=(const typed_mutex&) = delete;
  pthread_mutex_t* operator&() { return &mutex_; }

 private:
  pthread_mutex_t mutex_;
};

TEST(hooked_threads, a_mutex_held_across_a_wait_excludes) {
  for (const int type :
       {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP}) {
    typed_mutex m(type);
    int inside = 0;
    run_alone([&] {
      group g;
      for (int i = 0; i < 20; ++i) {
        g.spawn([&] {
          EXPECT_EQ(::pthread_mutex_lock(&m), 0);
          EXPECT_EQ(++inside, 1);
          sleep_for(100us);  // by weft's own means: it may be on another worker afterwards
          --inside;
          EXPECT_EQ(::pthread_mutex_unlock(&m), 0);
        });
      }
      g.join();
    });
  }
}

TEST(hooked_threads, a_recursive_mutex_belongs_to_one_fiber) {
  typed_mutex m(PTHREAD_MUTEX_RECURSIVE);
  run_alone([&] {
    EXPECT_EQ(::pthread_mutex_lock(&m), 0);
    EXPECT_EQ(::pthread_mutex_lock(&m), 0);
    on_another_fiber([&] {
      EXPECT_EQ(::pthread_mutex_trylock(&m), EBUSY);
      EXPECT_EQ(::pthread_mutex_unlock(&m), EPERM);
    });
    EXPECT_EQ(::pthread_mutex_trylock(&m), 0);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(::pthread_mutex_unlock(&m), 0);
    EXPECT_EQ(::pthread_mutex_unlock(&m), EPERM);
  });
}

TEST(hooked_threads, an_error_checking_mutex_checks) {
  typed_mutex m(PTHREAD_MUTEX_ERRORCHECK);
  run_alone([&] {
    EXPECT_EQ(::pthread_mutex_lock(&m), 0);
    EXPECT_EQ(::pthread_mutex_lock(&m), EDEADLK);
    EXPECT_EQ(::pthread_mutex_trylock(&m), EBUSY);
    timespec soon{};
    ::clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec += soon.tv_nsec / 999'000'000;
    on_another_fiber([&] { EXPECT_EQ(::pthread_mutex_timedlock(&m, &soon), ETIMEDOUT); });
    EXPECT_EQ(::pthread_mutex_unlock(&m), 0);
    EXPECT_EQ(::pthread_mutex_unlock(&m), EPERM);
  });
}

TEST(hooked_threads, fibers_and_threads_share_a_mutex) {
  constexpr int each = 2000;
  const int rounds = test::rounds(each);
  std::mutex m;
  int count = 0;
  const auto work = [&](bool fiber) {
    for (int i = 0; i < rounds; ++i) {
      const std::lock_guard guard(m);
      const int before = count;
      if (fiber && i % 64 == 0) yield();
      count = before + 1;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { work(false); });
  run_alone([&] {
    group g;
    for (int i = 0; i < 8; ++i) g.spawn([&] { work(true); });
    g.join();
  });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(count, 10 * rounds);
}

TEST(hooked_threads, a_queue_by_condition_variables) {
  const int items = test::rounds(2000);
  std::mutex m;
  std::condition_variable filled, emptied;
  std::deque<int> queue;
  long sum = 0;
  const auto put = [&](int n) {
    for (int i = 1; i <= n; ++i) {
      std::unique_lock guard(m);
      emptied.wait(guard, [&] { return queue.size() < 4; });
      queue.push_back(i);
      filled.notify_one();
    }
  };
  const auto take = [&](int n) {
    for (int i = 0; i < n; ++i) {
      std::unique_lock guard(m);
      filled.wait(guard, [&] { return !queue.empty(); });
      sum += queue.front();
      queue.pop_front();
      emptied.notify_one();
    }
  };
  std::thread producer([&] { put(items); });
  std::thread consumer([&] { take(items); });
  run_alone([&] {
    group g;
    for (int i = 0; i < 4; ++i) {
      g.spawn([&] { put(items); });
      g.spawn([&] { take(items); });
    }
    g.join();
  });
  producer.join();
  consumer.join();
  EXPECT_EQ(sum, 5L * items * (items + 1) / 2);
}

// The C library frees the mutex of a thread's wait for a condition by itself, where no hook looks whether fibers wait for it.
TEST(hooked_threads, a_thread_that_waits_for_a_condition_lets_fibers_in) {
  for (const bool fiber_waits_first : {true, false}) {
    std::mutex m;
    std::condition_variable changed;
    std::atomic<bool> held{false};
    bool done = false;
    std::thread waiter([&] {
      std::unique_lock guard(m);
      held = true;
      const auto fiber_waits = [] { return dump().find("a pthread mutex") != std::string::npos; };
      while (fiber_waits_first && !fiber_waits()) std::this_thread::yield();
      changed.wait(guard, [&] { return done; });
    });
    run_alone([&] {
      test::give_way_until([&] { return held.load(); });
      const std::scoped_lock guard(m);
      done = true;
      changed.notify_one();
    });
    waiter.join();
  }
}

TEST(hooked_threads, a_timed_wait_ends) {
  run_alone([&] {
    std::mutex m;
    std::condition_variable never;
    std::unique_lock guard(m);
    EXPECT_EQ(never.wait_for(guard, 2ms), std::cv_status::timeout);
    EXPECT_EQ(never.wait_until(guard, std::chrono::system_clock::now() + 2ms), std::cv_status::timeout);
    EXPECT_TRUE(guard.owns_lock());
    on_another_fiber([&] { EXPECT_FALSE(m.try_lock()); });
  });
}

TEST(hooked_threads, a_recursive_mutex_keeps_its_depth_over_a_wait) {
  typed_mutex m(PTHREAD_MUTEX_RECURSIVE);
  pthread_cond_t c = PTHREAD_COND_INITIALIZER;
  bool ready = false;
  run_alone([&] {
    group g;
    g.spawn([&] {
      EXPECT_EQ(::pthread_mutex_lock(&m), 0);
      EXPECT_EQ(::pthread_mutex_lock(&m), 0);
      while (!ready) EXPECT_EQ(::pthread_cond_wait(&c, &m), 0);
      EXPECT_EQ(::pthread_mutex_unlock(&m), 0);
      EXPECT_EQ(::pthread_mutex_unlock(&m), 0);
      EXPECT_EQ(::pthread_mutex_unlock(&m), EPERM);
    });
    g.spawn([&] {
      EXPECT_EQ(::pthread_mutex_lock(&m), 0);
      ready = true;
      EXPECT_EQ(::pthread_cond_broadcast(&c), 0);
      EXPECT_EQ(::pthread_mutex_unlock(&m), 0);
    });
    g.join();
  });
}

TEST(hooked_threads, a_cancelled_fiber_gets_out_of_a_condition) {
  run_alone([&] {
    std::mutex m;
    std::condition_variable never;
    group g;
    std::atomic<bool> waits{false};
    g.spawn([&] {
      std::unique_lock guard(m);
      waits = true;
      for (;;) {
        never.wait(guard);  // wakes for no reason
        check_cancelled();
      }
    });
    test::give_way_until([&] { return waits.load(); });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST(hooked_threads, readers_share_and_writers_do_not) {
  std::shared_mutex m;
  int value = 0, readers = 0, most = 0;
  std::thread outside([&] {
    for (int i = 0; i < 200; ++i) {
      const std::unique_lock guard(m);
      ++value;
    }
  });
  run_alone([&] {
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        const std::unique_lock guard(m);
        const int before = value;
        sleep_for(50us);  // may be elsewhere afterwards
        value = before + 1;
      });
      g.spawn([&] {
        const std::shared_lock guard(m);
        std::atomic_ref(most).fetch_add(0);
        std::atomic_ref(readers).fetch_add(1);
        const int before = value;
        sleep_for(50us);
        EXPECT_EQ(value, before);
        std::atomic_ref(readers).fetch_sub(1);
      });
    }
    g.join();
  });
  outside.join();
  EXPECT_EQ(value, 210);
}

TEST(hooked_threads, a_semaphore_wakes_fibers_and_threads) {
  sem_t s;
  ASSERT_EQ(::sem_init(&s, 0, 0), 0);
  std::atomic<int> passed{0};
  std::thread outside([&] {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(::sem_wait(&s), 0);
    passed += 50;
  });
  run_alone([&] {
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([&] {
        EXPECT_EQ(::sem_wait(&s), 0);
        ++passed;
      });
    }
    g.spawn([&] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(::sem_post(&s), 0);
        yield();
      }
    });
    g.join();
  });
  outside.join();
  EXPECT_EQ(passed, 100);
  ::sem_destroy(&s);
}

// Each fiber that parks makes the scheduler create another, for which it locks mutexes of its own, wherever in the lot those are.
TEST(hooked_threads, the_scheduler_uses_its_locks_while_fibers_park) {
  std::vector<sem_t> turns(3000);
  for (sem_t& s : turns) ASSERT_EQ(::sem_init(&s, 0, 0), 0);
  std::atomic<std::size_t> waiting{0};
  run_alone([&] {
    group g;
    for (sem_t& s : turns) {
      g.spawn([&] {
        ++waiting;
        EXPECT_EQ(::sem_wait(&s), 0);
      });
    }
    test::give_way_until([&] { return waiting == turns.size(); });
    for (sem_t& s : turns) ::sem_post(&s);
    g.join();
  });
  for (sem_t& s : turns) ::sem_destroy(&s);
}

// sem_post() may be called in a handler, which here interrupts the waiter at every point of its way into the wait and out of it.
TEST(hooked_threads, a_signal_handler_posts_a_semaphore) {
  static sem_t posted;
  ASSERT_EQ(::sem_init(&posted, 0, 0), 0);
  struct sigaction action{}, before{};
  action.sa_handler = [](int) { ::sem_post(&posted); };
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  run_alone([&] {
    std::atomic<bool> done{false};
    std::thread sender([&, waiter = ::pthread_self()] {
      while (!done) ::pthread_kill(waiter, SIGUSR1);
    });
    for (int i = 0; i < 500; ++i) {
      EXPECT_EQ(::sem_wait(&posted), 0);
      while (::sem_trywait(&posted) == 0) {
      }
    }
    done = true;
    sender.join();
  });
  ::sigaction(SIGUSR1, &before, nullptr);
  ::sem_destroy(&posted);
}

#if defined(__SANITIZE_THREAD__)
#define WEFT_UNDER_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_UNDER_THREAD_SANITIZER
#endif
#endif

#ifndef WEFT_UNDER_THREAD_SANITIZER  // it puts signals off until a call that it knows, and runs handlers there
// One signal a wait, the next only when its post was taken: a wake-up that gets lost is made good by nobody, and the test hangs.
TEST(hooked_threads, each_post_of_a_signal_handler_wakes_its_fiber) {
  static sem_t posted;
  ASSERT_EQ(::sem_init(&posted, 0, 0), 0);
  struct sigaction action{}, before{};
  action.sa_handler = [](int) { ::sem_post(&posted); };
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  options o = test::options_without_spares();
  o.workers = 1;
  o.backstop = {};
  o.detect_deadlock = false;
  constexpr int rounds = 2000;
  weft::run(o, [&] {
    std::atomic<int> taken{0};
    std::thread sender([&, waiter = ::pthread_self()] {
      for (int i = 0; i < rounds; ++i) {
        ::pthread_kill(waiter, SIGUSR1);
        while (taken == i) std::this_thread::yield();
        for (int pause = 0; pause < i % 100; ++pause)
          std::this_thread::yield();  // the waiter is met elsewhere each time
      }
    });
    for (int i = 0; i < rounds; ++i) {
      EXPECT_EQ(::sem_wait(&posted), 0);
      ++taken;
    }
    sender.join();
    EXPECT_EQ(::sem_trywait(&posted), -1);
  });
  ::sigaction(SIGUSR1, &before, nullptr);
  ::sem_destroy(&posted);
}
#endif

TEST(hooked_threads, waiting_for_a_semaphore_has_its_ends) {
  sem_t s;
  ASSERT_EQ(::sem_init(&s, 0, 0), 0);
  run_alone([&] {
    timespec past{};
    EXPECT_EQ(::sem_timedwait(&s, &past), -1);
    EXPECT_EQ(test::read_errno(), ETIMEDOUT);
    group g;
    std::atomic<bool> begun{false};
    g.spawn([&] {
      begun = true;
      EXPECT_EQ(::sem_wait(&s), -1);
      EXPECT_EQ(test::read_errno(), ECANCELED);
    });
    test::give_way_until([&] { return begun.load(); });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
  });
  ::sem_destroy(&s);
}

// ---- barriers

bool is_serial(int result) {
  EXPECT_TRUE(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD) << result;
  return result == PTHREAD_BARRIER_SERIAL_THREAD;
}

class counted_barrier {
 public:
  explicit counted_barrier(unsigned count) { EXPECT_EQ(::pthread_barrier_init(&barrier_, nullptr, count), 0); }
  counted_barrier(const counted_barrier&) = delete;
  counted_barrier& operator=(const counted_barrier&) = delete;
  bool meet() { return is_serial(::pthread_barrier_wait(&barrier_)); }
  int destroy() { return ::pthread_barrier_destroy(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

// Work of so many fibers and threads, each told its number.
template <class F>
void on_fibers_and_threads(int fibers, int threads, F work) {
  std::vector<std::thread> outside;
  for (int i = 0; i < threads; ++i) outside.emplace_back([=] { work(fibers + i); });
  run_alone([&] {
    group g;
    for (int i = 0; i < fibers; ++i) g.spawn([=] { work(i); });
    g.join();
  });
  for (std::thread& t : outside) t.join();
}

// Each counts before the barrier and looks at the sum behind it, in plain memory: nobody may be missing, and nobody go on before all have looked.
void meet_in_rounds(int fibers, int threads) {
  const int members = fibers + threads;
  const int rounds = test::rounds(300);
  counted_barrier b(static_cast<unsigned>(members));
  std::vector<int> arrived(static_cast<std::size_t>(members));
  std::atomic<int> serial{0};
  on_fibers_and_threads(fibers, threads, [&](int me) {
    for (int round = 1; round <= rounds; ++round) {
      arrived[static_cast<std::size_t>(me)] = round;
      serial += b.meet() ? 1 : 0;
      for (const int one : arrived) EXPECT_EQ(one, round);
      serial += b.meet() ? 1 : 0;
    }
  });
  EXPECT_EQ(serial, 2 * rounds);
  EXPECT_EQ(b.destroy(), 0);
}

TEST(hooked_threads, fibers_meet_at_a_barrier) {
  meet_in_rounds(1, 0);
  meet_in_rounds(8, 0);
}

TEST(hooked_threads, fibers_and_threads_meet_at_a_barrier) {
  meet_in_rounds(4, 2);
  meet_in_rounds(0, 3);
}

TEST(hooked_threads, more_than_a_round_come_to_a_barrier_at_once) {
  constexpr int rounds = 300;
  counted_barrier b(3);
  std::atomic<int> to_come{3 * rounds};  // shared out, so that the last round has its three
  std::atomic<int> serial{0};
  on_fibers_and_threads(6, 3, [&](int) {
    while (to_come.fetch_sub(1) > 0) serial += b.meet() ? 1 : 0;
  });
  EXPECT_EQ(serial, rounds);
  EXPECT_EQ(b.destroy(), 0);
}

// As POSIX has it: whoever comes back from the barrier first may end it, though others have not come back yet.
TEST(hooked_threads, a_barrier_may_be_destroyed_by_the_first_that_leaves) {
  struct once_used {
    std::unique_ptr<counted_barrier> barrier;
    std::atomic<bool> left{false};
  };
  std::vector<once_used> all(static_cast<std::size_t>(test::rounds(500)));
  for (once_used& one : all) one.barrier = std::make_unique<counted_barrier>(5);
  on_fibers_and_threads(3, 2, [&](int) {
    for (once_used& one : all) {
      one.barrier->meet();
      if (one.left.exchange(true)) continue;
      EXPECT_EQ(one.barrier->destroy(), 0);
      std::memset(static_cast<void*>(one.barrier.get()), 0xFF, sizeof(counted_barrier));
      one.barrier.reset();
    }
  });
}

TEST(hooked_threads, a_barrier_says_what_cannot_be) {
  pthread_barrier_t b;
  EXPECT_EQ(::pthread_barrier_init(&b, nullptr, 0), EINVAL);
  counted_barrier two(2);
  run_alone([&] {
    group g;
    std::atomic<bool> begun{false};
    g.spawn([&] {
      begun = true;
      two.meet();
    });
    test::give_way_until([&] { return begun.load(); });
    while (dump().find("a pthread barrier") == std::string::npos) yield();
    EXPECT_EQ(two.destroy(), EBUSY);
    g.cancel();  // leaves it waiting, as the others would wait for ever
    two.meet();
    try {
      g.join();
    } catch (const cancelled&) {
    }
  });
  EXPECT_EQ(two.destroy(), 0);
}

TEST(hooked_threads, processes_meet_at_a_shared_barrier) {
  void* const memory =
      ::mmap(nullptr, sizeof(pthread_barrier_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const b = static_cast<pthread_barrier_t*>(memory);
  pthread_barrierattr_t attributes;
  ::pthread_barrierattr_init(&attributes);
  ::pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ASSERT_EQ(::pthread_barrier_init(b, &attributes, 2), 0);
  ::pthread_barrierattr_destroy(&attributes);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(is_serial(::pthread_barrier_wait(b)) ? 1 : 0);
  const bool serial = run_alone([&] { return is_serial(::pthread_barrier_wait(b)); });
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status) + (serial ? 1 : 0), 1);
  EXPECT_EQ(::pthread_barrier_destroy(b), 0);
  ::munmap(memory, sizeof(pthread_barrier_t));
}

TEST(hooked_threads, a_thread_is_joined) {
  run_alone([&] {
    std::atomic<bool> end{false};
    std::thread t([&] {
      while (!end) std::this_thread::yield();
    });
    group g;
    g.spawn([&] { t.join(); });
    g.spawn([&] { end = true; });
    g.join();
  });
}

TEST(hooked_threads, once_waits_for_one_who_parks) {
  static std::atomic<int> calls{0};
  calls = 0;
  pthread_once_t control = PTHREAD_ONCE_INIT;
  run_alone([&] {
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        EXPECT_EQ(::pthread_once(&control,
                                 [] {
                                   ::usleep(2000);
                                   ++calls;
                                 }),
                  0);
        EXPECT_EQ(calls, 1);
      });
    }
    g.join();
  });
}

#ifndef WEFT_UNDER_THREAD_SANITIZER  // its pthread_once() waits for ever once a function has thrown, with threads as well
TEST(hooked_threads, once_is_tried_again_after_an_exception) {
  std::once_flag flag;
  int begun = 0;
  run_alone([&] {
    group g;
    for (int i = 0; i < 3; ++i) {
      g.spawn([&] {
        try {
          std::call_once(flag, [&] {
            ::usleep(1000);
            if (++begun == 1) throw std::runtime_error("the first fails");
          });
        } catch (const std::runtime_error&) {
        }
      });
    }
    g.join();
  });
  EXPECT_EQ(begun, 2);
}
#endif

}  // namespace
}  // namespace weft::hooks_test
