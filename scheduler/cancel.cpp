#include <weft/scheduler/cancel.hpp>

namespace weft {

std::string_view to_string(cancel_reason reason) noexcept {
  switch (reason) {
    case cancel_reason::requested:
      return "on request";
    case cancel_reason::sibling_failed:
      return "a sibling failed";
    case cancel_reason::group_left:
      return "its group was left by an exception";
    case cancel_reason::deadline:
      return "a deadline passed";
    case cancel_reason::shutdown:
      return "run() ends";
    case cancel_reason::signal:
      return "a signal asked the program to end";
    case cancel_reason::deadlock:
      return "nothing could ever have ended the wait";
  }
  return "unknown";
}

std::string cancelled::message() const {
  return "cancelled (" + std::string(to_string(reason_)) + ") by '" + origin_ + "'";
}

}  // namespace weft
