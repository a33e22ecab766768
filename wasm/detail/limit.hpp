// A guest that passes one of its limits: how that travels, and in which words it ends.
#pragma once

#include <cstdint>
#include <string>

#include <weft/wasm/error.hpp>
#include <weft/wasm/guest_options.hpp>

namespace weft::wasm::detail {

// Thrown by host functions; ends the guest. Not a std::exception: nothing on the way may take it for an error of its
// own.
struct limit_passed {
  trap_code code;
};

// What is said of it: the limit, and how to raise it. For memory the limit is not the options' own if it is the
// engine's default.
[[nodiscard]] std::string limit_reason(trap_code code, const guest_limits& limits);
[[nodiscard]] std::string memory_limit_reason(std::uint64_t limit);
[[nodiscard]] std::string stack_reason(const std::string& words_of_the_engine);

}  // namespace weft::wasm::detail
