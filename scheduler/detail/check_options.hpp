// What a runtime is asked to be, checked and completed.
#pragma once

#include <weft/scheduler/runtime.hpp>

namespace weft::detail {

// With a number of workers and a driver. Throws std::invalid_argument for values that make no sense.
[[nodiscard]] options completed(options o);

}  // namespace weft::detail
