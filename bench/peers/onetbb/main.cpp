// The fork-join workloads of bench/scheduler with oneTBB. Its tasks cannot wait for anything but other tasks, so
// what parks or sleeps has no counterpart here.
#include <tbb/global_control.h>
#include <tbb/parallel_reduce.h>
#include <tbb/parallel_sort.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/version.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <vector>

#include "../../harness/harness.hpp"
#include "../../harness/leaf.hpp"

namespace {

template <class F>
double on_workers(unsigned workers, F f) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
  tbb::task_arena arena(static_cast<int>(workers));
  return arena.execute(f);
}

double spawn_join_one(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::nanoseconds_each(size, [](long n) {
      for (long i = 0; i < n; ++i) {
        tbb::task_group group;
        group.run([] {});
        group.wait();
      }
    });
  });
}

double spawn_1000(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return bench::nanoseconds_each(size, [](long n) {
      for (long i = 0; i < n; i += 1000) {
        tbb::task_group group;
        for (int k = 0; k < 1000; ++k) group.run([] {});
        group.wait();
      }
    });
  });
}

long skynet(long first, long leaves) {
  if (leaves == 1) return first;
  std::array<long, 10> sums;
  const long each = leaves / 10;
  tbb::task_group group;
  for (long i = 0; i < 10; ++i) {
    long& sum = sums[static_cast<std::size_t>(i)];
    group.run([=, &sum] { sum = skynet(first + i * each, each); });
  }
  group.wait();
  long sum = 0;
  for (const long s : sums) sum += s;
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
  long a = 0;
  tbb::task_group group;
  group.run([&a, n] { a = fibonacci_forked(n - 1); });
  const long b = fibonacci_forked(n - 2);
  group.wait();
  return a + b;
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
      const auto chunks = [size](const tbb::blocked_range<long>& range, std::uint64_t sum) {
        return sum + bench::mandelbrot_rows(size, size * range.begin() / 64, size * range.end() / 64);
      };
      const auto sum = tbb::parallel_reduce(tbb::blocked_range<long>(0, 64, 1), std::uint64_t{0}, chunks,
                                            std::plus<std::uint64_t>{}, tbb::simple_partitioner{});
      bench::require(sum == expected, "the picture's sum");
    });
  });
}

double parallel_sort(unsigned workers, long size) {
  std::vector<int> warm_up = bench::shuffled_numbers(size / 10);
  std::vector<int> numbers = bench::shuffled_numbers(size);
  const double time = on_workers(workers, [&] {
    tbb::parallel_sort(warm_up);
    return bench::seconds([&] { tbb::parallel_sort(numbers); });
  });
  bench::require(std::ranges::is_sorted(numbers), "the order");
  return time;
}

double parallel_reduce(unsigned workers, long size) {
  const std::vector<double> numbers = bench::numbers_to_sum(size);
  const double expected = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  return on_workers(workers, [&] {
    return bench::seconds([&] {
      const auto part = [](const tbb::blocked_range<const double*>& range, double sum) {
        return std::accumulate(range.begin(), range.end(), sum);
      };
      const tbb::blocked_range<const double*> all(numbers.data(), numbers.data() + numbers.size());
      bench::require(tbb::parallel_reduce(all, 0.0, part, std::plus<double>{}) == expected, "the sum");
    });
  });
}

constexpr bench::workload workloads[] = {
    {"spawn_join_one", "ns", spawn_join_one},  {"spawn_1000", "ns", spawn_1000},
    {"skynet", "s", skynet_by_join},           {"fork_join", "s", fork_join},
    {"mandelbrot", "s", mandelbrot},           {"parallel_sort", "s", parallel_sort},
    {"parallel_reduce", "s", parallel_reduce},
};

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, TBB_VERSION_STRING, workloads); }
