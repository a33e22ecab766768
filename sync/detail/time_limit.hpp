// The standard's durations and times of any clock as time limits of a wait.
#pragma once

#include <chrono>
#include <type_traits>

#include <weft/scheduler/park.hpp>

namespace weft::detail {

// As nanoseconds, rounded up; the ends of time where that lies beyond.
template <class Rep, class Period>
std::chrono::nanoseconds saturated(std::chrono::duration<Rep, Period> d) noexcept {
  using std::chrono::nanoseconds;
  const double wide = std::chrono::duration<double, std::nano>(d).count();
  if (wide >= 9.2e18) return nanoseconds::max();
  if (wide <= -9.2e18) return nanoseconds::min();
  return std::chrono::ceil<nanoseconds>(d);
}

template <class Rep, class Period>
parker::time_point limit_after(std::chrono::duration<Rep, Period> d) noexcept {
  return parker::from_now(saturated(d));
}

template <class Clock, class Duration>
parker::time_point limit_at(std::chrono::time_point<Clock, Duration> t) {
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    return parker::time_point(saturated(t.time_since_epoch()));
  } else {
    return limit_after(t - Clock::now());
  }
}

}  // namespace weft::detail
