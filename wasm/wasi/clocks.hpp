// The guest's clocks, by number.
#pragma once

#include <cstdint>

namespace weft::wasm::wasi {

enum class clock_id : std::uint32_t { realtime = 0, monotonic = 1, process_cpu = 2, thread_cpu = 3 };

// Nanoseconds. Throws failure{inval} for a number that is no clock, failure{notsup} for the clocks of CPU time.
[[nodiscard]] std::uint64_t clock_now(std::uint32_t id);

}  // namespace weft::wasm::wasi
