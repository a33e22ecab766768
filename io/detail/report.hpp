// A result of a call in the form of a count and a std::error_code: for the overloads that do not throw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>

namespace weft::io::detail {

// The count; or 0, and the errno that a negative result stands for.
inline std::size_t report(std::int64_t result, std::error_code& error) noexcept {
  if (result >= 0) {
    error.clear();
    return static_cast<std::size_t>(result);
  }
  error.assign(static_cast<int>(-result), std::generic_category());
  return 0;
}

}  // namespace weft::io::detail
