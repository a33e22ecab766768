#include <weft/scheduler/group.hpp>
#include <weft/scheduler/parallel.hpp>
#include <weft/sync/channel.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "../harness/harness.hpp"
#include "../harness/leaf.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

long skynet(long first, long leaves) {
  if (leaves == 1) return first;
  std::array<long, 10> sums;
  const long each = leaves / 10;
  {
    weft::group g;
    for (long i = 0; i < 10; ++i) {
      long& sum = sums[static_cast<std::size_t>(i)];
      g.spawn([&sum, from = first + i * each, each] { sum = skynet(from, each); });
    }
  }
  long sum = 0;
  for (const long s : sums) sum += s;
  return sum;
}

void skynet(const weft::sender<long>& out, long first, long leaves) {
  if (leaves == 1) {
    require(static_cast<bool>(out.send(first)), "a send");
    return;
  }
  auto [send, receive] = weft::make_channel<long>(0);
  const long each = leaves / 10;
  long sum = 0;
  {
    weft::group g;
    for (long i = 0; i < 10; ++i) {
      g.spawn([&send = send, from = first + i * each, each] { skynet(send, from, each); });
    }
    for (int i = 0; i < 10; ++i) sum += receive.receive().value();
  }
  require(static_cast<bool>(out.send(sum)), "a send");
}

long skynet_over_channels(long leaves) {
  auto [send, receive] = weft::make_channel<long>(0);
  weft::group g;
  g.spawn([&send = send, leaves] { skynet(send, 0, leaves); });
  return receive.receive().value();
}

long fibonacci_forked(long n) {
  if (n <= fibonacci_cutoff) return fibonacci_by_calls(n);
  long a = 0;
  long b = 0;
  {
    weft::group g;
    g.spawn([&a, n] { a = fibonacci_forked(n - 1); });
    b = fibonacci_forked(n - 2);
  }
  return a + b;
}

}  // namespace

double skynet_by_join(unsigned workers, long size) {
  return on_workers(workers, [size] {
    skynet(0, size / 10);
    return seconds([size] { require(skynet(0, size) == size * (size - 1) / 2, "skynet's sum"); });
  });
}

double skynet_by_channels(unsigned workers, long size) {
  return on_workers(workers, [size] {
    skynet_over_channels(size / 10);
    return seconds([size] { require(skynet_over_channels(size) == size * (size - 1) / 2, "skynet's sum"); });
  });
}

double fork_join(unsigned workers, long size) {
  return on_workers(workers, [size] {
    fibonacci_forked(size - 5);
    return seconds([size] { require(fibonacci_forked(size) == fibonacci(size), "the Fibonacci number"); });
  });
}

double mandelbrot(unsigned workers, long size) {
  return on_workers(workers, [size] {
    const std::uint64_t expected = mandelbrot_rows(size, 0, size);
    return seconds([size, expected] {
      std::array<std::uint64_t, 64> sums;
      {
        weft::group g;
        for (long chunk = 0; chunk < 64; ++chunk) {
          std::uint64_t& sum = sums[static_cast<std::size_t>(chunk)];
          g.spawn([&sum, size, chunk] { sum = mandelbrot_rows(size, size * chunk / 64, size * (chunk + 1) / 64); });
        }
      }
      std::uint64_t sum = 0;
      for (const std::uint64_t s : sums) sum += s;
      require(sum == expected, "the picture's sum");
    });
  });
}

double parallel_sort(unsigned workers, long size) {
  std::vector<int> warm_up = shuffled_numbers(size / 10);
  std::vector<int> numbers = shuffled_numbers(size);
  const double time = on_workers(workers, [&] {
    weft::parallel_sort(warm_up);
    return seconds([&] { weft::parallel_sort(numbers); });
  });
  require(std::ranges::is_sorted(numbers), "the order");
  return time;
}

double parallel_reduce(unsigned workers, long size) {
  const std::vector<double> numbers = numbers_to_sum(size);
  const double expected = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  return on_workers(
      workers, [&] { return seconds([&] { require(weft::parallel_reduce(numbers, 0.0) == expected, "the sum"); }); });
}

}  // namespace bench
