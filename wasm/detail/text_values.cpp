#include <weft/wasm/detail/text_values.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <system_error>

namespace weft::wasm::detail {

namespace {

[[noreturn]] void no_number(std::string_view text, const char* type) {
  throw std::invalid_argument("'" + std::string(text) + "' is no number of type " + type);
}

// Signed or not: the bits are what counts.
template <class Signed>
Signed parse_integer(std::string_view text, const char* type) {
  using wide = std::uint64_t;
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const bool hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
  if (hexadecimal) digits.remove_prefix(2);
  wide magnitude = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, hexadecimal ? 16 : 10);
  const wide most =
      negative ? wide{1} << (sizeof(Signed) * 8 - 1) : std::numeric_limits<wide>::max() >> (64 - sizeof(Signed) * 8);
  if (error != std::errc() || end != digits.data() + digits.size() || magnitude > most) no_number(text, type);
  return static_cast<Signed>(negative ? wide{0} - magnitude : magnitude);
}

template <class Float>
Float parse_float(std::string_view text, const char* type) {
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  Float number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) no_number(text, type);
  return number;
}

template <class Float>
std::string shortest(Float number) {
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), error == std::errc() ? end : text.data()};
}

}  // namespace

weft_value value_of_text(char type, std::string_view text) {
  weft_value value = {};
  switch (type) {
    case 'i':
      value.i32 = parse_integer<std::int32_t>(text, "i32");
      return value;
    case 'I':
      value.i64 = parse_integer<std::int64_t>(text, "i64");
      return value;
    case 'f':
      value.f32 = parse_float<float>(text, "f32");
      return value;
    case 'F':
      value.f64 = parse_float<double>(text, "f64");
      return value;
    default:
      throw std::invalid_argument("a parameter of this type cannot be given as text");
  }
}

std::string text_of_value(char type, const weft_value& value) {
  switch (type) {
    case 'i':
      return std::to_string(value.i32);
    case 'I':
      return std::to_string(value.i64);
    case 'f':
      return shortest(value.f32);
    case 'F':
      return shortest(value.f64);
    default:
      return "?";
  }
}

}  // namespace weft::wasm::detail
