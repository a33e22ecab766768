#include <mutex>
#include <shared_mutex>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/recursive_mutex.hpp>
#include <weft/sync/shared_mutex.hpp>

#include "../harness/harness.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

constexpr int tasks = 16;

// So many tasks that each do their share of n operations.
template <class F>
void share(long n, F operation) {
  weft::group g;
  for (int t = 0; t < tasks; ++t) {
    g.spawn([n, t, &operation] {
      for (long i = t; i < n; i += tasks) operation(i);
    });
  }
}

}  // namespace

double mutex_of_16(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      weft::mutex m;
      long counter = 0;
      share(n, [&](long) {
        const std::lock_guard guard(m);
        ++counter;
      });
      require(counter == n, "the count under the mutex");
    });
  });
}

// Every operation meets a mutex that is held: each is a wait and a wake.
double mutex_held_across_yield(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      weft::mutex m;
      long counter = 0;
      share(n, [&](long) {
        const std::lock_guard guard(m);
        const long before = counter;
        weft::yield();
        counter = before + 1;
      });
      require(counter == n, "the count under the mutex");
    });
  });
}

double recursive_mutex_alone(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      weft::recursive_mutex m;
      for (long i = 0; i < n; ++i) const std::lock_guard guard(m);
    });
  });
}

double shared_mutex_read(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      weft::shared_mutex m;
      share(n, [&](long) { const std::shared_lock guard(m); });
    });
  });
}

double shared_mutex_mixed(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      weft::shared_mutex m;
      long written = 0;
      share(n, [&](long i) {
        if (i / tasks % 10 == 0) {
          const std::lock_guard guard(m);
          ++written;
        } else {
          const std::shared_lock guard(m);
        }
      });
      require(written > 0 || n < 10, "the writers' count");
    });
  });
}

}  // namespace bench
