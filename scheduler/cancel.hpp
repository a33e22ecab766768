// Cancellation as the cancelled see it.
#pragma once

#include <string>
#include <string_view>

namespace weft {

// Why a scope was cancelled.
enum class cancel_reason : unsigned char {
  requested,       // group::cancel()
  sibling_failed,  // a task of the group failed
  group_left,      // the group's scope was left by an exception
  deadline,        // a time limit passed
  shutdown,        // the function of run() has ended, and its services end with it
  signal,          // a signal asked the program to end
  deadlock,        // nothing could ever have ended the waits
};

[[nodiscard]] std::string_view to_string(cancel_reason reason) noexcept;

// Thrown by every blocking call of a fiber whose scope is cancelled, and again by the next one: cancellation is a level,
// not an event. Deliberately not a std::exception, so that `catch (const std::exception&)` cannot swallow it. Catch it only
// to clean up, then rethrow. A task that ends by it has not failed.
class cancelled final {
 public:
  cancelled(cancel_reason reason, std::string origin) : reason_(reason), origin_(std::move(origin)) {}

  [[nodiscard]] cancel_reason reason() const noexcept { return reason_; }

  // The group or scope whose cancellation this is: its name, or where it was made.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }

  // One line for people: "cancelled (a sibling failed) by group 'clients'".
  [[nodiscard]] std::string message() const;

 private:
  cancel_reason reason_;
  std::string origin_;
};

}  // namespace weft
