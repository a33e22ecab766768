// Waiting for any of several descriptors.
#pragma once

#include <poll.h>

#include <cstdint>
#include <span>

#include <weft/io/detail/engine.hpp>

namespace weft::io::detail {

// The number of ready descriptors or a negative errno; see weft::io::poll_many.
std::int64_t poll_many(std::span<pollfd> descriptors, time_point limit);

}  // namespace weft::io::detail
