#include <weft/io/http/date.hpp>

#include <algorithm>
#include <charconv>

namespace weft::io::http {

namespace {

constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view pattern = "Sun, 06 Nov 1994 08:49:37 GMT";

void append_two(std::string& to, int n) {
  to += static_cast<char>('0' + n / 10 % 10);
  to += static_cast<char>('0' + n % 10);
}

std::optional<int> number(std::string_view digits) noexcept {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

bool fits_pattern(std::string_view text) noexcept {
  if (text.size() != pattern.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool fixed = pattern[i] == ' ' || pattern[i] == ',' || pattern[i] == ':' || i > 25;
    if (fixed && text[i] != pattern[i]) return false;
  }
  return std::ranges::find(days, text.substr(0, 3)) != days.end();
}

}  // namespace

// Not by strftime(), which knows a locale.
std::string format_date(std::time_t when) {
  std::tm t{};
  ::gmtime_r(&when, &t);
  std::string text;
  text.reserve(pattern.size());
  text.append(days[static_cast<std::size_t>(t.tm_wday)]).append(", ");
  append_two(text, t.tm_mday);
  text.append(" ").append(months[static_cast<std::size_t>(t.tm_mon)]).append(" ");
  text.append(std::to_string(t.tm_year + 1900)).append(" ");
  append_two(text, t.tm_hour);
  text += ':';
  append_two(text, t.tm_min);
  text += ':';
  append_two(text, t.tm_sec);
  return text.append(" GMT");
}

std::optional<std::time_t> parse_date(std::string_view text) {
  if (!fits_pattern(text)) return std::nullopt;
  const auto* const month = std::ranges::find(months, text.substr(8, 3));
  const auto day = number(text.substr(5, 2));
  const auto year = number(text.substr(12, 4));
  const auto hour = number(text.substr(17, 2));
  const auto minute = number(text.substr(20, 2));
  const auto second = number(text.substr(23, 2));
  if (month == months.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
  std::tm t{};
  t.tm_mday = *day;
  t.tm_mon = static_cast<int>(month - months.begin());
  t.tm_year = *year - 1900;
  t.tm_hour = *hour;
  t.tm_min = *minute;
  t.tm_sec = *second;
  return ::timegm(&t);
}

}  // namespace weft::io::http
