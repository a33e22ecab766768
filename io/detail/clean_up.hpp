// For destructors that have to take back what others would see.
#pragma once

#include <chrono>

#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::detail {

// Runs f, which may block the thread and must not throw: on a helper thread, although the scope is cancelled; on this one if there is no other.
template <class F>
void clean_up(F f) noexcept {
  bool begun = false;
  const auto once = [&] {
    begun = true;
    f();
  };
  try {
    if (in_fiber()) {
      const shield s(std::chrono::seconds(10));
      blocking(once);
    }
  } catch (...) {  // no thread to be had
  }
  if (!begun) f();
}

}  // namespace weft::io::detail
