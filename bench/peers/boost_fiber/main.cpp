// The workloads of bench/scheduler and bench/sync with Boost.Fiber as its documentation shows it: round_robin on one thread,
// work_stealing on several, default stacks.
#include <boost/fiber/all.hpp>
#include <boost/version.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../../harness/harness.hpp"
#include "../../harness/leaf.hpp"

namespace {

namespace fibers = boost::fibers;
using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;

// Runs f in the calling thread with so many threads sharing the fibers it launches.
double on_workers(unsigned workers, const std::function<double()>& f) {
  if (workers == 1) return f();
  std::mutex lock;
  fibers::condition_variable_any ended;
  bool over = false;
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < workers; ++i) {
    threads.emplace_back([&, workers] {
      fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers);
      std::unique_lock guard(lock);
      ended.wait(guard, [&] { return over; });
    });
  }
  fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers);
  const double value = f();
  {
    const std::lock_guard guard(lock);
    over = true;
  }
  ended.notify_all();
  for (std::thread& t : threads) t.join();
  return value;
}

double switch_two(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::nanoseconds_each(size, [](long n) {
      const auto yields = [n] {
        for (long i = 0; i < n / 2; ++i) boost::this_fiber::yield();
      };
      fibers::fiber first(yields);
      fibers::fiber second(yields);
      first.join();
      second.join();
    });
  });
}

double spawn_join_one(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::nanoseconds_each(size, [](long n) {
      for (long i = 0; i < n; ++i) fibers::fiber([] {}).join();
    });
  });
}

double mutex_of_16(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::nanoseconds_each(size, [](long n) {
      constexpr int tasks = 16;
      fibers::mutex m;
      long counter = 0;
      std::vector<fibers::fiber> all;
      for (int t = 0; t < tasks; ++t) {
        all.emplace_back([&, n, t] {
          for (long i = t; i < n; i += tasks) {
            const std::lock_guard guard(m);
            ++counter;
          }
        });
      }
      for (fibers::fiber& f : all) f.join();
      bench::require(counter == n, "the count under the mutex");
    });
  });
}

double spawn_1000(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::nanoseconds_each(size, [](long n) {
      for (long i = 0; i < n; i += 1000) {
        std::vector<fibers::fiber> tasks;
        for (int k = 0; k < 1000; ++k) tasks.emplace_back([] {});
        for (fibers::fiber& task : tasks) task.join();
      }
    });
  });
}

long skynet(long first, long leaves) {
  if (leaves == 1) return first;
  std::vector<fibers::future<long>> children;
  const long each = leaves / 10;
  for (long i = 0; i < 10; ++i) children.push_back(fibers::async([=] { return skynet(first + i * each, each); }));
  long sum = 0;
  for (fibers::future<long>& child : children) sum += child.get();
  return sum;
}

double skynet_by_join(unsigned workers, long size) {
  return on_workers(workers, [size] {
    skynet(0, size / 10);
    return bench::seconds([size] { bench::require(skynet(0, size) == size * (size - 1) / 2, "skynet's sum"); });
  });
}

long fibonacci_forked(long n) {
  if (n <= bench::fibonacci_cutoff) return bench::fibonacci_by_calls(n);
  fibers::future<long> a = fibers::async([n] { return fibonacci_forked(n - 1); });
  const long b = fibonacci_forked(n - 2);
  return a.get() + b;
}

double fork_join(unsigned workers, long size) {
  return on_workers(workers, [size] {
    fibonacci_forked(size - 5);
    return bench::seconds(
        [size] { bench::require(fibonacci_forked(size) == bench::fibonacci(size), "the Fibonacci number"); });
  });
}

double mandelbrot(unsigned workers, long size) {
  return on_workers(workers, [size] {
    const std::uint64_t expected = bench::mandelbrot_rows(size, 0, size);
    return bench::seconds([size, expected] {
      std::vector<fibers::future<std::uint64_t>> chunks;
      for (long i = 0; i < 64; ++i) {
        chunks.push_back(
            fibers::async([=] { return bench::mandelbrot_rows(size, size * i / 64, size * (i + 1) / 64); }));
      }
      std::uint64_t sum = 0;
      for (auto& chunk : chunks) sum += chunk.get();
      bench::require(sum == expected, "the picture's sum");
    });
  });
}

double parked_on_one_event(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::seconds([size] {
      fibers::mutex lock;
      fibers::condition_variable changed;
      long parked = 0;
      bool open = false;
      std::vector<fibers::fiber> tasks;
      tasks.reserve(static_cast<std::size_t>(size));
      for (long i = 0; i < size; ++i) {
        tasks.emplace_back([&, size] {
          std::unique_lock guard(lock);
          if (++parked == size) changed.notify_all();
          changed.wait(guard, [&] { return open; });
        });
      }
      {
        std::unique_lock guard(lock);
        changed.wait(guard, [&, size] { return parked == size; });
        open = true;
      }
      changed.notify_all();
      for (fibers::fiber& task : tasks) task.join();
    });
  });
}

double sleepers(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::seconds([size] {
             std::vector<fibers::fiber> tasks;
             tasks.reserve(static_cast<std::size_t>(size));
             for (long i = 0; i < size; ++i) {
               tasks.emplace_back([] { boost::this_fiber::sleep_for(std::chrono::seconds(1)); });
             }
             for (fibers::fiber& task : tasks) task.join();
           }) -
           1;
  });
}

double ticker_beside_hogs(unsigned workers, long size) {
  return on_workers(workers, [workers, size] {
    std::vector<fibers::fiber> hogs;
    for (unsigned i = 0; i < workers; ++i) {
      hogs.emplace_back([size] {
        for (int stretch = 0; stretch < 5; ++stretch) {
          bench::burn(size / 5);
          boost::this_fiber::yield();
        }
      });
    }
    std::vector<double> lateness;
    const auto begin = clock_type::now();
    for (long tick = 1; tick <= size; ++tick) {
      const auto due = begin + milliseconds(tick);
      if (clock_type::now() < due) boost::this_fiber::sleep_until(due);  // one that is late already does not wait again
      lateness.push_back(std::chrono::duration<double, std::milli>(clock_type::now() - due).count());
    }
    for (fibers::fiber& hog : hogs) hog.join();
    return bench::percentile_99(lateness);
  });
}

constexpr bench::workload workloads[] = {
    {"switch", "ns", switch_two},
    {"spawn_join_one", "ns", spawn_join_one},
    {"spawn_join_one_park", "ns", spawn_join_one},  // a join always parks
    {"spawn_1000", "ns", spawn_1000},
    {"mutex", "ns", mutex_of_16},
    {"skynet", "s", skynet_by_join},
    {"fork_join", "s", fork_join},
    {"mandelbrot", "s", mandelbrot},
    {"1m_parked", "s", parked_on_one_event},
    {"100k_sleepers", "s", sleepers},
    {"ticker_beside_hogs", "ms", ticker_beside_hogs},
};

}  // namespace

int main(int argc, char** argv) {
  const std::string version = std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000);
  return bench::run_program(argc, argv, version, workloads);
}
