#include <chrono>
#include <mutex>

#include <weft/scheduler/group.hpp>
#include <weft/sync/barrier.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/once.hpp>
#include <weft/sync/rate_limiter.hpp>
#include <weft/sync/semaphore.hpp>

#include "../harness/harness.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

// Two tasks that take turns, n turns in all.
template <class Ping, class Pong>
void take_turns(long n, Ping ping, Pong pong) {
  weft::group g;
  g.spawn([&] {
    for (long i = 0; i < n / 2; ++i) ping();
  });
  g.spawn([&] {
    for (long i = 0; i < n / 2; ++i) pong();
  });
}

template <class F>
double each_on(unsigned workers, long size, F f) {
  return on_workers(workers, [&] { return nanoseconds_each(size, f); });
}

}  // namespace

double semaphore_alone(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    weft::counting_semaphore<> s(1);
    for (long i = 0; i < n; ++i) {
      s.acquire();
      s.release();
    }
  });
}

double semaphore_turns(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    weft::binary_semaphore first(1);
    weft::binary_semaphore second(0);
    take_turns(
        n,
        [&] {
          first.acquire();
          second.release();
        },
        [&] {
          second.acquire();
          first.release();
        });
  });
}

double condition_turns(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    weft::mutex m;
    weft::condition_variable changed;
    bool first = true;
    const auto turn = [&](bool mine) {
      std::unique_lock lock(m);
      changed.wait(lock, [&] { return first == mine; });
      first = !mine;
      changed.notify_one();
    };
    take_turns(n, [&] { turn(true); }, [&] { turn(false); });
  });
}

double event_turns(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    weft::auto_reset_event first;
    weft::auto_reset_event second;
    first.set();
    take_turns(
        n,
        [&] {
          first.wait();
          second.set();
        },
        [&] {
          second.wait();
          first.set();
        });
  });
}

double barrier_phase(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    constexpr int members = 4;
    weft::barrier<> b(members);
    weft::group g;
    for (int t = 0; t < members; ++t) {
      g.spawn([&, n] {
        for (long i = 0; i < n; ++i) b.arrive_and_wait();
      });
    }
  });
}

double latch_count(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    weft::latch l(n);
    for (long i = 0; i < n; ++i) l.count_down();
    l.wait();
  });
}

double once_done(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    weft::once_flag flag;
    long calls = 0;
    for (long i = 0; i < n; ++i) {
      weft::call_once(flag, [&] { ++calls; });
      asm volatile("" ::: "memory");
    }
    require(calls == 1, "the number of calls");
  });
}

double rate_limiter_free(unsigned workers, long size) {
  return each_on(workers, size, [](long n) {
    weft::rate_limiter limiter({.tokens = 1'000'000'000, .per = std::chrono::milliseconds(1), .burst = 1'000'000'000});
    for (long i = 0; i < n; ++i) limiter.acquire();
  });
}

}  // namespace bench
