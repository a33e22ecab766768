// What the tests of seeded runs share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>

#include <support.hpp>
#include <weft/scheduler/testing.hpp>

namespace weft::test {

// So many schedules, fewer with a sanitizer; says how fast they went, for the reader.
inline testing::report explore(std::uint64_t schedules, const std::function<void()>& f, bool late_timers = false) {
  const auto begin = std::chrono::steady_clock::now();
  const testing::report r =
      testing::explore({.schedules = static_cast<std::uint64_t>(rounds(static_cast<int>(schedules))),
                        .late_timers = late_timers,
                        .failed = [] { return ::testing::Test::HasFailure(); }},
                       f);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%llu schedules of %.1f switches, %.0f a second\n", static_cast<unsigned long long>(r.schedules),
              static_cast<double>(r.switches) / static_cast<double>(r.schedules),
              static_cast<double>(r.schedules) / took.count());
  return r;
}

}  // namespace weft::test
