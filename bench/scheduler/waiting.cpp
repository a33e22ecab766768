#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/event.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "../harness/harness.hpp"
#include "../harness/leaf.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;

// Says when the last of a number of tasks has arrived.
class arrivals {
 public:
  explicit arrivals(long count) : missing_(count) {}
  void arrive() {
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) complete_.set();
  }
  void wait() { complete_.wait(); }

 private:
  std::atomic<long> missing_;
  weft::event complete_;
};

// Ticks of 1 ms: the 99th percentile of how late they came, in milliseconds.
double tick_lateness(long ticks) {
  std::vector<double> lateness;
  const auto begin = clock_type::now();
  for (long tick = 1; tick <= ticks; ++tick) {
    const auto due = begin + milliseconds(tick);
    if (clock_type::now() < due) weft::sleep_until(due);  // one that is late already does not wait again
    lateness.push_back(std::chrono::duration<double, std::milli>(clock_type::now() - due).count());
  }
  return percentile_99(lateness);
}

}  // namespace

double parked_on_one_event(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return seconds([size] {
      weft::event release;
      arrivals parked(size);
      weft::group g;
      for (long i = 0; i < size; ++i) {
        g.spawn([&] {
          parked.arrive();
          release.wait();
        });
      }
      parked.wait();
      release.set();
      g.join();
    });
  });
}

double sleepers(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return seconds([size] {
             weft::group g;
             for (long i = 0; i < size; ++i) g.spawn([] { weft::sleep_for(std::chrono::seconds(1)); });
           }) -
           1;
  });
}

double cancel_tree(unsigned workers, long size) {
  return on_workers(workers, [size] {
    arrivals parked(size);
    weft::event never;
    weft::group root;
    for (long branch = 0; branch < size / 1000; ++branch) {
      root.spawn([&] {
        weft::group g;
        for (int i = 0; i < 1000; ++i) {
          g.spawn([&] {
            parked.arrive();
            never.wait();
          });
        }
      });
    }
    parked.wait();
    return seconds([&] {
      root.cancel();
      root.join();
    });
  });
}

double ticker_beside_hogs(unsigned workers, long size) {
  return on_workers(workers, [workers, size] {
    weft::group hogs;
    for (unsigned i = 0; i < workers; ++i) {
      hogs.spawn([size] {
        for (int stretch = 0; stretch < 5; ++stretch) {
          burn(size / 5);
          weft::yield();
        }
      });
    }
    return tick_lateness(size);
  });
}

double ticker_beside_blocked(unsigned workers, long size) {
  return on_workers(workers, [size] {
    weft::group blocked;
    blocked.spawn([size] {
      weft::yield();
      std::this_thread::sleep_for(milliseconds(size / 2));  // blocks the worker; weft was not told
    });
    return tick_lateness(size);
  });
}

}  // namespace bench
