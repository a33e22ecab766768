// Divide and conquer over all cores: a task costs about as much as a few function calls, so the pieces may be small.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <span>
#include <vector>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>

namespace {

constexpr std::size_t small_enough = 4096;

std::uint64_t parallel_sum(std::span<const std::uint64_t> numbers) {
  if (numbers.size() <= small_enough) return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
  const std::size_t half = numbers.size() / 2;
  weft::group g;
  weft::task<std::uint64_t> left = g.spawn([part = numbers.first(half)] { return parallel_sum(part); });
  const std::uint64_t right = parallel_sum(numbers.subspan(half));
  return left.get() + right;  // runs the left half here unless another worker has taken it
}

}  // namespace

int main() {
  std::vector<std::uint64_t> numbers(1 << 22);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{1});
  const std::uint64_t expected = std::uint64_t{numbers.size()} * (numbers.size() + 1) / 2;

  weft::runtime runtime;  // kept here instead of weft::run, to read its counters afterwards
  const std::uint64_t sum = runtime.run([&] { return parallel_sum(numbers); });

  std::printf("the sum of 1..%zu is %" PRIu64 "\n", numbers.size(), sum);
  std::printf("%" PRIu64 " tasks on %u workers\n", runtime.statistics().total().spawns, runtime.workers());
  return sum == expected ? 0 : 1;
}
