#include "lateness.hpp"

#include <algorithm>

#include <weft/scheduler/this_fiber.hpp>

namespace demo {

std::chrono::nanoseconds samples::percentile(double share) {
  if (values_.empty()) return {};
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(values_.size() - 1));
  std::nth_element(values_.begin(), values_.begin() + rank, values_.end());
  return values_[static_cast<std::size_t>(rank)];
}

void tick_every_millisecond(samples& late) {
  for (auto due = std::chrono::steady_clock::now();;) {
    due += std::chrono::milliseconds(1);
    weft::sleep_until(due);
    late.add(std::chrono::steady_clock::now() - due);
  }
}

}  // namespace demo
