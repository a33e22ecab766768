#include <weft/scheduler/deadline.hpp>

#include <string>

namespace weft {

deadline::deadline(std::chrono::nanoseconds limit, std::source_location site)
    : scope_(detail::current_scope("a deadline")), timer_(scope_, limit) {
  scope_.set_label({}, site);
  detail::enter_scope(scope_);
}

deadline::~deadline() { detail::leave_scope(scope_, *scope_.parent()); }

void detail::throw_timeout(std::chrono::nanoseconds limit) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
  const std::string text = us < 10'000 ? std::to_string(us) + " us" : std::to_string(us / 1'000) + " ms";
  throw timeout_error("weft: not done within the deadline of " + text);
}

}  // namespace weft
