#include <weft/wasm/cli/quantity.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace weft::cli {
namespace {

struct unit {
  std::string_view name;  // lower case
  double factor;
};

constexpr double kibi = 1024.0;
constexpr std::array<unit, 13> size_units{{{"", 1},
                                           {"b", 1},
                                           {"k", kibi},
                                           {"kb", kibi},
                                           {"kib", kibi},
                                           {"m", kibi* kibi},
                                           {"mb", kibi* kibi},
                                           {"mib", kibi* kibi},
                                           {"g", kibi* kibi* kibi},
                                           {"gb", kibi* kibi* kibi},
                                           {"gib", kibi* kibi* kibi},
                                           {"t", kibi* kibi* kibi* kibi},
                                           {"tib", kibi* kibi* kibi* kibi}}};

constexpr std::array<unit, 7> time_units{
    {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"m", 60e9}, {"h", 3600e9}}};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// The number in front times its unit; negative if the text is not that.
template <std::size_t N>
double parse_with_unit(std::string_view text, const std::array<unit, N>& units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return -1;
  const std::string name = lower(text.substr(static_cast<std::size_t>(end - text.data())));
  const auto found = std::find_if(units.begin(), units.end(), [&](const unit& u) { return u.name == name; });
  return found == units.end() ? -1 : number * found->factor;
}

std::string with_digits(double value, const char* name) {
  std::array<char, 32> text;
  const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
  return std::string(text.data(), error == std::errc() ? end : text.data()) + ' ' + name;
}

}  // namespace

std::uint64_t parse_size(std::string_view text) {
  const double bytes = parse_with_unit(text, size_units);
  if (bytes < 1 || bytes > 9e18) {
    throw std::invalid_argument("'" + std::string(text) +
                                "' is not a size: give a number with K, M, G or none for bytes");
  }
  return static_cast<std::uint64_t>(bytes);
}

std::chrono::nanoseconds parse_duration(std::string_view text) {
  const double nanoseconds = parse_with_unit(text, time_units);
  if (nanoseconds < 1 || nanoseconds > 9e18) {
    throw std::invalid_argument("'" + std::string(text) +
                                "' is not a duration: give a number with h, m, s, ms or us, or seconds with no unit");
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds));
}

unsigned parse_number(std::string_view text, unsigned least, unsigned most) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    throw std::invalid_argument("'" + std::string(text) + "' is not a number from " + std::to_string(least) + " to " +
                                std::to_string(most));
  }
  return number;
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const double ns = static_cast<double>(duration.count());
  if (ns < 999.5) return std::to_string(duration.count()) + " ns";
  if (ns < 999.5e3) return with_digits(ns / 1e3, "us");
  if (ns < 999.5e6) return with_digits(ns / 1e6, "ms");
  return with_digits(ns / 1e9, "s");
}

std::string format_size(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  constexpr std::array<const char*, 4> names{"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / kibi;
  std::size_t unit = 0;
  for (; value >= kibi && unit + 1 < names.size(); ++unit) value /= kibi;
  if (value == std::floor(value)) return std::to_string(static_cast<std::uint64_t>(value)) + ' ' + names[unit];
  return with_digits(value, names[unit]);
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

}  // namespace weft::cli
