// What the tests on simulated I/O share.
#pragma once

#include "io/io_support.hpp"

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include <weft/io/testing.hpp>

namespace weft::io::test {

using weft::testing::fault_counts;
using weft::testing::faults;
using weft::testing::simulated_io;

// The schedules of a test: more of them where WEFT_TEST_SIMULATED says how many times as many.
inline std::uint64_t schedules(int n) {
  const char* times = std::getenv("WEFT_TEST_SIMULATED");
  return static_cast<std::uint64_t>(weft::test::rounds(n)) * (times != nullptr ? std::strtoul(times, nullptr, 10) : 1);
}

// Runs f in so many schedules, and in a world with these faults, until one fails; what has happened.
inline fault_counts explore_all(const faults& what, std::uint64_t n, const std::function<void()>& f) {
  simulated_io world(what);
  const auto has_failed = [] { return ::testing::Test::HasFailure(); };
  weft::testing::explore({.schedules = n, .failed = has_failed, .world = &world}, f);
  return world.counts();
}
inline fault_counts explore(const faults& what, int n, const std::function<void()>& f) {
  return explore_all(what, schedules(n), f);
}

// All that is an error for the program, now and then.
inline constexpr faults everything{.resets = 40, .refusals = 8, .shortages = 12, .broken = 12};

}  // namespace weft::io::test
