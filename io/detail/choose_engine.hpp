// What the runtimes of a program that does I/O get for drivers: see io/engine_choice.hpp.
#pragma once

#include <string>

#include <weft/scheduler/driver.hpp>

namespace weft::io::detail {

// The factory of one runtime. `wanted` is options::io. Throws std::invalid_argument for a word that is none of auto, uring, epoll, and
// says whether it came from the option or from WEFT_IO.
[[nodiscard]] driver_factory choose_engine(const std::string& wanted);

}  // namespace weft::io::detail
