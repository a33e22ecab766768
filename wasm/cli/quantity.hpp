// Sizes and durations as people type them: "64M", "1.5s".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::cli {

// "65536", "64K", "64M", "1G", "64MiB", "64MB": bytes; the units are powers of 1024 however they are spelt, in any case. A
// fraction is allowed with a unit. Throws std::invalid_argument with one line that says what is accepted.
[[nodiscard]] std::uint64_t parse_size(std::string_view text);

// "500ms", "10s", "2m", "1h", "1.5s", "250us"; a bare number is seconds, as for timeout(1). Greater than zero. Throws
// std::invalid_argument with one line that says what is accepted.
[[nodiscard]] std::chrono::nanoseconds parse_duration(std::string_view text);

// A whole number in decimal digits, from `least` to `most`. Throws std::invalid_argument with one line that says so.
[[nodiscard]] unsigned parse_number(std::string_view text, unsigned least, unsigned most);

// Three significant digits and a unit: "1.24 s", "315 ms", "48.1 us".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

// "64 MiB", "1.5 GiB", "512 bytes".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

// Digits in groups of three: "1,234,567".
[[nodiscard]] std::string format_count(std::uint64_t count);

}  // namespace weft::cli
