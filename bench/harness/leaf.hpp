// The sequential work at the leaves of parallel workloads. Compiled once and linked into ours and into the C++
// peers, so that a comparison of schedulers is not one of inlining decisions.
#pragma once

#include <cstdint>
#include <vector>

namespace bench {

// Below this argument, fork-join Fibonacci computes sequentially.
inline constexpr long fibonacci_cutoff = 12;

// The slow, doubly recursive way: the point is the number of calls.
long fibonacci_by_calls(long n);

// The fast way, to check results with.
long fibonacci(long n);

// Iterations, summed, of the Mandelbrot set over rows [first, last) of a picture of size x size points, at most 256 a
// point.
std::uint64_t mandelbrot_rows(long size, long first, long last);

// Numbers in no order, the same ones each time.
std::vector<int> shuffled_numbers(long count);

// Whole numbers, so that their sum is the same in whatever order they are added.
std::vector<double> numbers_to_sum(long count);

// Spins for `milliseconds` without ever calling into a scheduler: what a computing task looks like from outside.
void burn(long milliseconds);

}  // namespace bench
