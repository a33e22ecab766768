// Time limits that hold for everything below them.
#pragma once

#include <chrono>
#include <source_location>
#include <stdexcept>
#include <utility>

#include <weft/scheduler/detail/scope.hpp>

namespace weft {

// Thrown where a time limit was set, when it passed; below that place blocking calls throw `cancelled`.
class timeout_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// From construction to destruction the calling fiber, and all that it spawns into groups made meanwhile, must be done by the limit;
// then their blocking calls throw `cancelled` with cancel_reason::deadline. Deadlines nest; the nearest counts. A task left by that
// exception has failed with timeout_error; with_deadline() turns it into one on the spot.
// A local variable of one fiber; setting and dropping one costs about 100 ns. Throws std::logic_error outside a fiber.
class deadline {
 public:
  explicit deadline(std::chrono::nanoseconds limit, std::source_location site = std::source_location::current());
  ~deadline();
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;

  [[nodiscard]] bool passed() noexcept { return scope_.is_cancelled() && scope_.is_origin(); }

 private:
  detail::scope scope_;
  detail::scope_timer timer_;
};

namespace detail {
[[noreturn]] void throw_timeout(std::chrono::nanoseconds limit);
}

// Runs f under a deadline. Returns what f returns; throws timeout_error if the limit cut f short, else what f throws.
template <class F>
std::invoke_result_t<F&> with_deadline(std::chrono::nanoseconds limit, F&& f,
                                       std::source_location site = std::source_location::current()) {
  bool cut_short = false;
  try {
    deadline d(limit, site);
    try {
      return f();
    } catch (const cancelled& c) {
      cut_short = d.passed();
      throw;
    }
  } catch (const cancelled&) {
    if (!cut_short) throw;
  }
  detail::throw_timeout(limit);
}

}  // namespace weft
