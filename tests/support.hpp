// What the tests of all modules share.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

// Worker count of this run (WEFT_TEST_WORKERS; 2 where it is not set).
inline unsigned worker_count() {
  const char* given = std::getenv("WEFT_TEST_WORKERS");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : 2;
}

// No backstop: a lost wake hangs the test instead of being papered over.
inline options test_options(unsigned workers = worker_count()) {
  options o;
  o.workers = workers;
  o.backstop = std::chrono::nanoseconds(0);
  return o;
}

// For tests that count workers: nobody sends spare ones, however busy the machine is.
inline options options_without_spares() {
  options o = test_options();
  o.monitor = false;
  return o;
}

// Runs f on a fiber of a fresh runtime.
template <class F>
auto run(F&& f) {
  return weft::run(test_options(), std::forward<F>(f));
}

// How often to repeat something random: less where a sanitizer makes each round ten times as long.
constexpr int rounds(int n) { return sanitized ? std::max(1, n / 10) : n; }

// Random numbers of one test. The seed is printed; WEFT_TEST_SEED repeats a run.
class random_source {
 public:
  random_source() : seed_(chosen_seed()), engine_(seed_) {
    std::printf("seed: WEFT_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  }
  explicit random_source(std::uint64_t seed) : seed_(seed), engine_(seed) {}

  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  // Uniform in [0, n).
  std::uint32_t below(std::uint32_t n) { return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(engine_); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  // A source of its own for another thread or fiber.
  random_source split() { return random_source(engine_()); }

 private:
  static std::uint64_t chosen_seed() {
    const char* given = std::getenv("WEFT_TEST_SEED");
    return given != nullptr ? std::stoull(given) : std::random_device{}();
  }
  std::uint64_t seed_;
  std::mt19937_64 engine_;
};

// Waits, on a fiber or on a thread, until the condition holds: by giving way again and again, without a clock.
template <class Condition>
void give_way_until(Condition condition) {
  while (!condition()) {
    if (in_fiber()) {
      yield();
    } else {
      std::this_thread::yield();
    }
  }
}

// Computes for a moment without giving way.
inline void spin(std::uint32_t n) {
  for (std::uint32_t i = 0; i < n; ++i) asm volatile("");
}

// errno across switches: out of line, as its address may not be kept.
[[gnu::noinline, gnu::noclone]] inline int read_errno() {
  asm volatile("");
  return errno;
}
[[gnu::noinline, gnu::noclone]] inline void write_errno(int value) {
  asm volatile("");
  errno = value;
}

}  // namespace weft::test
