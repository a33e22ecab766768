// Dates as HTTP writes them: "Thu, 26 Nov 2026 10:20:00 GMT".
#pragma once

#include <array>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace weft::io::http {

[[nodiscard]] std::string format_date(std::time_t when);
// Nothing if it is no date, or in one of the two forms that were given up in 1999.
[[nodiscard]] std::optional<std::time_t> parse_date(std::string_view text);

// The date of now, written anew once a second.
class http_date {
 public:
  // Valid until the next call.
  [[nodiscard]] std::string_view now() {
    const std::time_t second = std::time(nullptr);
    if (second != second_) {
      second_ = second;
      text_ = format_date(second);
    }
    return text_;
  }

 private:
  std::time_t second_ = -1;
  std::string text_;
};

}  // namespace weft::io::http
