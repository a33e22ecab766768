#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/this_fiber.hpp>

#include "../harness/harness.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

void switch_between_two(long n) {
  weft::group g;
  for (int i = 0; i < 2; ++i) {
    g.spawn([n] {
      for (long k = 0; k < n / 2; ++k) weft::yield();
    });
  }
}

void spawn_in_thousands(long n) {
  for (long i = 0; i < n; i += 1000) {
    weft::group g;
    for (int k = 0; k < 1000; ++k) g.spawn([] {});
  }
}

// The file takes no time to write.
double traced(unsigned workers, long size, void (*f)(long)) {
  return weft::run({.workers = workers, .trace = "/dev/null"}, [&] { return nanoseconds_each(size, f); });
}

}  // namespace

double switch_two(unsigned workers, long size) {
  return on_workers(workers, [size] { return nanoseconds_each(size, switch_between_two); });
}

double switch_traced(unsigned workers, long size) { return traced(workers, size, switch_between_two); }

double spawn_1000_traced(unsigned workers, long size) { return traced(workers, size, spawn_in_thousands); }

double spawn_join_one(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      for (long i = 0; i < n; ++i) {
        weft::group g;
        g.spawn([] {});
      }
    });
  });
}

// A join runs unstarted tasks of its group where it stands. Here it cannot: the fiber parks until the task, which
// therefore runs on a stack of its own, has told it to go on.
double spawn_join_one_park(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      for (long i = 0; i < n; ++i) {
        weft::group g;
        weft::parker self;
        // At 2 workers the task may begin before the fiber parks; signal() then waits for it, which it may, as it is
        // another fiber.
        g.spawn([joiner = self.id()] { joiner.signal(); });
        self.park();
      }
    });
  });
}

double spawn_1000(unsigned workers, long size) {
  return on_workers(workers, [size] { return nanoseconds_each(size, spawn_in_thousands); });
}

namespace {

// Waits `rounds` times for the other one, and wakes it each time.
void take_turns(weft::ticket& mine, weft::ticket& other, long rounds) {
  for (long i = 0; i < rounds; ++i) {
    weft::parker self;
    mine = self.id();
    other.signal();
    self.park();
  }
  other.signal();
}

}  // namespace

// Two fibers that wake each other: a park and an unpark each. One worker only, as the tickets are plain variables.
double park_unpark(unsigned workers, long size) {
  require(workers == 1, "park_unpark is made for one worker");
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      weft::ticket first;
      weft::ticket second;
      weft::group g;
      g.spawn([&, n] { take_turns(first, second, n / 2); });
      g.spawn([&, n] { take_turns(second, first, n / 2); });
    });
  });
}

}  // namespace bench
