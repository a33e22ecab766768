// So many per time at most: a token bucket.
//
// Tokens come at a steady rate, up to the burst; who needs some takes them, or waits in order of arrival until there are enough. Whoever is cancelled has
// taken none. Kept as one time, not as a count that somebody fills (the generic cell rate algorithm, ITU-T I.371, 1996). An acquire that need not
// wait costs two compare-and-swaps and a look at the clock; limits are kept to about 50 us, the resolution of timers, without drift.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/semaphore_core.hpp>

namespace weft {

struct rate_limit {
  std::int64_t tokens = 0;                                 // that many
  std::chrono::nanoseconds per = std::chrono::seconds(1);  // in that time
  std::int64_t burst = 1;                                  // as many at once, if none were taken for long
};

struct rate_limiter_statistics {
  std::int64_t available = 0;  // tokens, now
  std::size_t waiters = 0;     // now, besides the first
  std::uint64_t delayed = 0;   // acquires that had to wait for tokens
};

// For fibers and threads. Begins with the burst. Goes by the steady clock, which in seeded runs (testing.hpp) is theirs.
class rate_limiter {
 public:
  // Throws std::invalid_argument unless all three are positive, and if the burst would take more than a hundred years to gather.
  explicit rate_limiter(rate_limit limit);
  // Nobody may wait: ends the process otherwise.
  ~rate_limiter() = default;
  rate_limiter(const rate_limiter&) = delete;
  rate_limiter& operator=(const rate_limiter&) = delete;

  // Takes n tokens; parks until its turn has come and there are enough. A cancellation point, on entry too; throws `cancelled`, and then has taken
  // none. Throws std::invalid_argument unless 0 < n <= burst: more would never be there.
  void acquire(std::int64_t n = 1);
  // Takes n tokens if they are there and nobody waits; false otherwise. Never waits. Throws as acquire().
  [[nodiscard]] bool try_acquire(std::int64_t n = 1);

  [[nodiscard]] rate_limiter_statistics statistics() const noexcept;

 private:
  using time_point = parker::time_point;
  using exact = std::chrono::duration<double, std::nano>;

  void check(std::int64_t n) const;
  [[nodiscard]] time_point enough_at(std::int64_t n) const noexcept;
  void fill(time_point time) noexcept;
  bool try_take(std::int64_t n) noexcept;
  void wait_until(time_point when);

  static constexpr wait_kind turn_kind{.name = "turn at a rate limiter", .threads_may_wait = true};
  const rate_limit limit_;
  const exact interval_;                       // from token to token
  const exact to_fill_;                        // the time in which the burst gathers
  detail::semaphore_core turn_{turn_kind, 1};  // held by the first who waits
  mutable spin_lock lock_;                     // of all below
  time_point empty_at_;                        // the bucket was, or will be, empty then if nobody takes any
  exact rest_{0};                              // what empty_at_ was rounded down by
  std::uint64_t delayed_ = 0;
};

}  // namespace weft
