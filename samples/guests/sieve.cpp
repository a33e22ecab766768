// Counts the primes up to a number by a segmented sieve, in C++ with containers and streams: a guest that computes.
//
//   sieve LIMIT
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <vector>

namespace {

std::vector<std::uint32_t> small_primes(std::uint32_t limit) {
  std::vector<bool> composite(limit + 1);
  std::vector<std::uint32_t> primes;
  for (std::uint32_t n = 2; n <= limit; ++n) {
    if (composite[n]) continue;
    primes.push_back(n);
    for (std::uint64_t multiple = std::uint64_t{n} * n; multiple <= limit; multiple += n) composite[multiple] = true;
  }
  return primes;
}

// A segment fits a first-level cache.
constexpr std::uint64_t segment_size = 1 << 15;

std::uint64_t count_primes(std::uint64_t limit) {
  std::uint32_t root = 0;
  while (std::uint64_t{root + 1} * (root + 1) <= limit) ++root;
  const std::vector<std::uint32_t> primes = small_primes(root);
  std::vector<std::uint8_t> segment(segment_size);
  std::uint64_t count = 0;
  for (std::uint64_t low = 2; low <= limit; low += segment_size) {
    const std::uint64_t high = std::min(low + segment_size - 1, limit);
    std::fill(segment.begin(), segment.end(), std::uint8_t{1});
    for (const std::uint64_t prime : primes) {
      const std::uint64_t first = std::max(prime * prime, (low + prime - 1) / prime * prime);
      for (std::uint64_t multiple = first; multiple <= high; multiple += prime) segment[multiple - low] = 0;
    }
    count += static_cast<std::uint64_t>(std::count(segment.begin(), segment.begin() + (high - low + 1), 1));
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  char* end = nullptr;
  const std::uint64_t limit = argc == 2 ? std::strtoull(argv[1], &end, 10) : 0;
  if (limit < 2 || *end != '\0') {
    std::cerr << "usage: sieve LIMIT\n";
    return 2;
  }
  std::cout << count_primes(limit) << '\n';
}
