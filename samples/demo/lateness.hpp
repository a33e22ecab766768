// A clock that should tick every millisecond, and how late it does.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace demo {

// Durations, for percentiles. One fiber writes.
class samples {
 public:
  void add(std::chrono::nanoseconds value) { values_.push_back(value); }
  [[nodiscard]] std::size_t count() const noexcept { return values_.size(); }
  // The value that `share` (0 to 1) of all do not exceed; zero if there are none. Reorders.
  [[nodiscard]] std::chrono::nanoseconds percentile(double share);
  void append(const samples& other) { values_.insert(values_.end(), other.values_.begin(), other.values_.end()); }

 private:
  std::vector<std::chrono::nanoseconds> values_;
};

// Ticks until its fiber is cancelled, and adds each tick's lateness to `late`. The ticks' times are fixed from the
// beginning: a long stall makes every tick within it late, not just one.
[[noreturn]] void tick_every_millisecond(samples& late);

}  // namespace demo
