#include <weft/sync/rate_limiter.hpp>

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include <weft/scheduler/schedule_point.hpp>

namespace weft {

namespace {

using std::chrono::nanoseconds;

constexpr wait_kind tokens_wait{.name = "tokens of a rate limiter", .threads_may_wait = true};

parker::time_point now() noexcept { return parker::from_now(nanoseconds(0)); }

rate_limit checked(rate_limit l) {
  if (l.tokens <= 0) throw std::invalid_argument("weft: rate_limit::tokens is not positive");
  if (l.per.count() <= 0) throw std::invalid_argument("weft: rate_limit::per is not positive");
  if (l.burst <= 0) throw std::invalid_argument("weft: rate_limit::burst is not positive");
  return l;
}

// The arithmetic must not leave the range of the clock.
std::chrono::duration<double, std::nano> checked(std::chrono::duration<double, std::nano> to_fill) {
  if (to_fill > std::chrono::hours(24) * 36'525) {
    throw std::invalid_argument("weft: rate_limit::burst takes more than a hundred years at that rate");
  }
  return to_fill;
}

// The next who waits has its turn, whatever happens to this one.
class turn {
 public:
  explicit turn(detail::semaphore_core& s) noexcept : s_(s) {}
  ~turn() { s_.release(1, 1); }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 private:
  detail::semaphore_core& s_;
};

}  // namespace

rate_limiter::rate_limiter(rate_limit limit)
    : limit_(checked(limit)),
      interval_(exact(limit.per) / static_cast<double>(limit.tokens)),
      to_fill_(checked(interval_ * static_cast<double>(limit.burst))) {
  fill(now());
}

void rate_limiter::fill(time_point time) noexcept {
  const auto whole = std::chrono::ceil<nanoseconds>(to_fill_);
  empty_at_ = time - whole;
  rest_ = whole - to_fill_;
}

void rate_limiter::check(std::int64_t n) const {
  if (n <= 0) throw std::invalid_argument("weft: a rate limiter is asked for less than one token");
  if (n > limit_.burst) throw std::invalid_argument("weft: a rate limiter is asked for more tokens than its burst");
}

// Locked. Rounded up, so that the tokens are there then.
rate_limiter::time_point rate_limiter::enough_at(std::int64_t n) const noexcept {
  return empty_at_ + std::chrono::ceil<nanoseconds>(interval_ * static_cast<double>(n) + rest_);
}

bool rate_limiter::try_take(std::int64_t n) noexcept {
  const time_point time = now();
  const std::lock_guard guard(lock_);
  if (time - empty_at_ - rest_ > to_fill_ + exact(1)) fill(time);  // who waits for it comes up to 1 ns late
  if (enough_at(n) > time) return false;
  const exact step = interval_ * static_cast<double>(n) + rest_;
  empty_at_ += std::chrono::floor<nanoseconds>(step);
  rest_ = step - std::chrono::floor<nanoseconds>(step);
  return true;
}

void rate_limiter::wait_until(time_point when) {
  parker self(tokens_wait, this);
  if (self.park_until(when, [] {}) == wake::cancelled) throw_cancelled();
}

void rate_limiter::acquire(std::int64_t n) {
  check(n);
  turn_.acquire();
  const turn mine(turn_);
  for (bool first = true; !try_take(n); first = false) {
    time_point when;
    {
      const std::lock_guard guard(lock_);
      when = enough_at(n);
      if (first) ++delayed_;
    }
    wait_until(when);
  }
}

bool rate_limiter::try_acquire(std::int64_t n) {
  check(n);
  if (!turn_.try_acquire()) return false;
  const turn mine(turn_);
  return try_take(n);
}

rate_limiter_statistics rate_limiter::statistics() const noexcept {
  const time_point time = now();
  const std::lock_guard guard(lock_);
  const auto gathered = static_cast<std::int64_t>((exact(time - empty_at_) - rest_) / interval_);
  return {std::clamp<std::int64_t>(gathered, 0, limit_.burst), turn_.waiters(), delayed_};
}

}  // namespace weft
