#include "leaf.hpp"

#include <chrono>

namespace bench {

long fibonacci_by_calls(long n) { return n < 2 ? n : fibonacci_by_calls(n - 1) + fibonacci_by_calls(n - 2); }

long fibonacci(long n) {
  long a = 0;
  long b = 1;
  for (long i = 0; i < n; ++i) {
    const long next = a + b;
    a = b;
    b = next;
  }
  return a;
}

static std::uint64_t mandelbrot_point(double cx, double cy) {
  double x = 0;
  double y = 0;
  std::uint64_t iterations = 0;
  while (iterations < 256 && x * x + y * y <= 4.0) {
    const double next = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = next;
    ++iterations;
  }
  return iterations;
}

std::uint64_t mandelbrot_rows(long size, long first, long last) {
  std::uint64_t sum = 0;
  for (long row = first; row < last; ++row) {
    const double cy = 2.0 * static_cast<double>(row) / static_cast<double>(size) - 1.0;
    for (long column = 0; column < size; ++column) {
      sum += mandelbrot_point(3.0 * static_cast<double>(column) / static_cast<double>(size) - 2.0, cy);
    }
  }
  return sum;
}

std::vector<int> shuffled_numbers(long count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::uint32_t state = 1;
  for (int& number : numbers) {
    state ^= state << 13;  // Marsaglia's xorshift
    state ^= state >> 17;
    state ^= state << 5;
    number = static_cast<int>(state >> 1);
  }
  return numbers;
}

std::vector<double> numbers_to_sum(long count) {
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i % 1000);
  return numbers;
}

void burn(long milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace bench
