// A steady beat.
//
//   weft::io::ticker every_second(1s);
//   for (;;) {
//     every_second.wait();
//     report();
//   }
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io {

// What becomes of beats that pass while nobody waits.
enum class missed_ticks : bool {
  skipped,    // the next wait() is for all of them, and tells how many there were
  delivered,  // each is waited for in turn, at once
};

// Beats at start + n * interval, by the runtime's clock: however long the work between takes, they do not drift. One fiber at a time. Costs a
// timer while somebody waits, and nothing else.
class ticker {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  // The first beat is an interval from now. Throws std::invalid_argument for an interval that is not positive.
  explicit ticker(std::chrono::nanoseconds interval, missed_ticks missed = missed_ticks::skipped)
      : interval_(interval), missed_(missed), next_(parker::from_now(interval)) {
    if (interval <= std::chrono::nanoseconds(0))
      throw std::invalid_argument("weft::io: a ticker's interval must be positive");
  }

  // Parks until the next beat; returns how many have passed since the last wait(), at least 1. A cancellation point, which loses none. Outside a
  // fiber it blocks the thread.
  std::uint64_t wait() {
    sleep_until(next_);
    return take();
  }

  // When the next beat is, for weft::at() in a select(); take() is then for the handler.
  [[nodiscard]] time_point next() const noexcept { return next_; }
  // What wait() returns, for a beat that has come: moves on to the next one.
  std::uint64_t take() noexcept {
    const std::chrono::nanoseconds late = parker::from_now(std::chrono::nanoseconds(0)) - next_;
    const auto more = missed_ == missed_ticks::skipped && late >= interval_ ? late / interval_ : 0;
    next_ += interval_ * (more + 1);
    return static_cast<std::uint64_t>(more) + 1;
  }

 private:
  std::chrono::nanoseconds interval_;
  missed_ticks missed_;
  time_point next_;
};

}  // namespace weft::io
