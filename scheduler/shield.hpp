// Cleanup that must block although its scope is cancelled.
#pragma once

#include <chrono>
#include <source_location>

#include <weft/scheduler/detail/scope.hpp>

namespace weft {

// From construction to destruction the calling fiber does not see the cancellation of the scopes around it, for as long as the grace
// lasts; then its blocking calls throw `cancelled` with cancel_reason::deadline. The grace is mandatory, so that no cleanup can hang a program
// that has been told to end. A local variable of one fiber. Throws std::logic_error outside a fiber.
class shield {
 public:
  explicit shield(std::chrono::nanoseconds grace, std::source_location site = std::source_location::current());
  ~shield();
  shield(const shield&) = delete;
  shield& operator=(const shield&) = delete;

 private:
  detail::scope* const outer_;
  detail::scope scope_;
  detail::scope_timer grace_;
};

}  // namespace weft
