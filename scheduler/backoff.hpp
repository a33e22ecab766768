// How long to wait before the next attempt: longer each time, and not in step with others.
#pragma once

#include <chrono>
#include <cstdint>

namespace weft {

struct backoff_options {
  std::chrono::nanoseconds first = std::chrono::milliseconds(10);
  std::chrono::nanoseconds most = std::chrono::seconds(1);
  double factor = 2;       // from one delay to the next, at least 1
  double jitter = 0.5;     // 0 to 1: a delay d is drawn evenly from [(1 - jitter) d, d]
  std::uint64_t seed = 0;  // of the jitter; 0: another each time
};

// The delays of one series of attempts: exponential up to a limit, with jitter, so that many who failed together do not come back
// together (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). For one fiber at a time; costs nanoseconds.
class backoff {
 public:
  // Throws std::invalid_argument for options out of their range.
  explicit backoff(backoff_options o = {});

  // The delay before the next attempt.
  [[nodiscard]] std::chrono::nanoseconds next() noexcept;
  // An attempt went well: the series begins again.
  void reset() noexcept { reached_ = options_.first; }

 private:
  [[nodiscard]] double random() noexcept;

  backoff_options options_;
  std::chrono::nanoseconds reached_;
  std::uint64_t state_;
};

}  // namespace weft
