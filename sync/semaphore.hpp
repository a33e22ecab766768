// Permits: so many may be inside at once, or so many things are there to be had.
//
// Strictly first come, first served: a permit that is released while somebody waits goes to the first of them, and nobody overtakes. A permit that
// was had is never lost, whatever cancels. Without waiters acquire and release are one compare-and-swap each; with them a switch.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <stdexcept>

#include <weft/sync/detail/semaphore_core.hpp>
#include <weft/sync/detail/time_limit.hpp>

namespace weft {

namespace detail {
struct permit_access;
}

struct semaphore_statistics {
  std::ptrdiff_t available = 0;  // permits that are free now
  std::size_t waiters = 0;       // now
};

// As std::counting_semaphore, and for threads and fibers alike. Anybody may release; an event that must not be missed is a release, too.
template <std::ptrdiff_t least_max = std::numeric_limits<std::ptrdiff_t>::max() / 4>
class counting_semaphore {
 public:
  static_assert(least_max >= 0 && least_max <= std::numeric_limits<std::ptrdiff_t>::max() / 4);

  // Throws std::invalid_argument unless 0 <= permits <= max().
  explicit counting_semaphore(std::ptrdiff_t permits) : core_(kind, checked(permits)) {}
  // Nobody may wait: ends the process otherwise.
  ~counting_semaphore() = default;
  counting_semaphore(const counting_semaphore&) = delete;
  counting_semaphore& operator=(const counting_semaphore&) = delete;

  [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return least_max; }

  // Parks until a permit is free. A cancellation point, on entry too; throws `cancelled`, and then has none.
  void acquire() { core_.acquire(); }
  [[nodiscard]] bool try_acquire() noexcept { return core_.try_acquire(); }
  // As acquire(), until the limit at most; true if it has a permit.
  template <class Rep, class Period>
  [[nodiscard]] bool try_acquire_for(std::chrono::duration<Rep, Period> time) {
    return core_.acquire(detail::limit_after(time));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_acquire_until(std::chrono::time_point<Clock, Duration> time) {
    return core_.acquire(detail::limit_at(time));
  }
  // Never waits. Throws std::invalid_argument for a negative number, and std::logic_error if more than max() would be free.
  void release(std::ptrdiff_t permits = 1) {
    if (permits < 0) throw std::invalid_argument("weft: a semaphore is to release a negative number of permits");
    if (!core_.release(permits, least_max)) {
      throw std::logic_error(
          "weft: a semaphore would have more permits than its max(): released more often than acquired");
    }
  }

  [[nodiscard]] semaphore_statistics statistics() const noexcept { return {core_.available(), core_.waiters()}; }

 private:
  friend struct detail::permit_access;
  static constexpr wait_kind kind{.name = "semaphore", .threads_may_wait = true};
  static std::ptrdiff_t checked(std::ptrdiff_t permits) {
    if (permits < 0 || permits > least_max) {
      throw std::invalid_argument("weft: a semaphore cannot begin with so many permits");
    }
    return permits;
  }
  detail::semaphore_core core_;
};

using binary_semaphore = counting_semaphore<1>;

}  // namespace weft
