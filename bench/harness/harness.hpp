// What every C++ program under bench/ shares: ours, and the C++ peers.
//
// A program is called as `program WORKLOAD WORKERS SIZE`, does the workload once and prints one line of JSON;
// `bench/run` calls it again for each repetition, so that no repetition inherits the warm caches, pools or heap of
// the one before. Every value is a time, so less is always better.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace bench {

// One measured piece of work: what it returns is in the unit it names. Throws std::runtime_error if the work's
// result is wrong: a fast wrong answer must not count.
struct workload {
  std::string_view name;
  std::string_view unit;  // "ns", "us", "ms" or "s"
  double (*run)(unsigned workers, long size);
};

// The whole of a program's main(). Also answers --list (a workload a line) and --version (`version`).
int run_program(int argc, char** argv, std::string_view version, std::span<const workload> workloads);

// Throws unless the condition holds; `what` is the thing that went wrong, in words.
void require(bool condition, std::string_view what);

// Seconds f() takes.
template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// CPU time of the process in f(), system calls included: seconds.
double process_cpu_seconds();
template <class F>
double cpu_seconds_of(F&& f) {
  const double before = process_cpu_seconds();
  f();
  return process_cpu_seconds() - before;
}

// Nanoseconds each of `count` operations takes in f(count), after a warm-up of a tenth.
template <class F>
double nanoseconds_each(long count, F&& f) {
  f(count / 10 + 1);
  return seconds([&] { f(count); }) * 1e9 / static_cast<double>(count);
}

// The value below which 99 % of the samples lie. Sorts them.
double percentile_99(std::span<double> samples);

}  // namespace bench
