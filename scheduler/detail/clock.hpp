// The clock that time limits and timers go by: steady_clock, but in a seeded run that run's own (seeded_run.hpp).
#pragma once

#include <chrono>

namespace weft::detail {

[[nodiscard]] std::chrono::steady_clock::time_point now() noexcept;

}  // namespace weft::detail
