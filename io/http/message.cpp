#include <weft/io/http/message.hpp>

#include <ostream>  // Boost's header needs it

#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>

#include <weft/io/http/detail/unchecked_fields.hpp>

namespace weft::io::http {

namespace {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

constexpr std::array<bool, 256> make_token_characters() {
  std::array<bool, 256> is{};
  for (unsigned char c = '0'; c <= '9'; ++c) is[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) is[c] = is[c - 'a' + 'A'] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<unsigned char>(c)] = true;
  return is;
}
constexpr std::array<bool, 256> token_character = make_token_characters();

bool is_token(std::string_view s) noexcept {
  return !s.empty() &&
         std::all_of(s.begin(), s.end(), [](char c) { return token_character[static_cast<unsigned char>(c)]; });
}

bool is_value(std::string_view s) noexcept {
  return std::none_of(s.begin(), s.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\t') || u == 0x7F;
  });
}

std::string_view trimmed(std::string_view s) noexcept {
  const std::size_t first = s.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

bool has_word(std::string_view list, std::string_view word) noexcept {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (equal_ignoring_case(trimmed(list.substr(0, comma)), word)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view reason(int status) noexcept {
  namespace beast = boost::beast::http;
  const beast::status known = status > 0 ? beast::int_to_status(static_cast<unsigned>(status)) : beast::status::unknown;
  const auto text = beast::obsolete_reason(known);
  return known == beast::status::unknown ? "Unknown" : std::string_view(text.data(), text.size());
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return x == y || lower(x) == lower(y); });
}

fields::fields(std::initializer_list<field> list) {
  for (const field& f : list) add(f.name, f.value);
}

void fields::append(std::string_view name, std::string_view value) {
  places_.push_back({.begin = static_cast<std::uint32_t>(text_.size()),
                     .name_size = static_cast<std::uint32_t>(name.size()),
                     .value_size = static_cast<std::uint32_t>(value.size())});
  text_ += name;
  text_ += value;
}

void fields::add(std::string_view name, std::string_view value) {
  if (!is_token(name))
    throw std::invalid_argument("weft::io::http: '" + std::string(name) + "' is no name of a header field");
  if (!is_value(value)) {
    throw std::invalid_argument("weft::io::http: the value for the header field '" + std::string(name) +
                                "' has control characters");
  }
  append(name, value);
}

void fields::set(std::string_view name, std::string_view value) {
  const std::string kept(value);  // it may be one of those that go
  erase(name);
  add(name, kept);
}

// The text stays: headers are short-lived.
std::size_t fields::erase(std::string_view name) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (!equal_ignoring_case((*this)[i].name, name)) places_[kept++] = places_[i];
  }
  const std::size_t gone = places_.size() - kept;
  places_.resize(kept);
  return gone;
}

void fields::clear() noexcept {
  text_.clear();
  places_.clear();
}

std::optional<std::string_view> fields::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const field f = (*this)[i];
    if (equal_ignoring_case(f.name, name)) return f.value;
  }
  return std::nullopt;
}

std::size_t fields::count(std::string_view name) const noexcept {
  std::size_t n = 0;
  for (std::size_t i = 0; i < places_.size(); ++i) n += equal_ignoring_case((*this)[i].name, name) ? 1U : 0U;
  return n;
}

bool fields::lists(std::string_view name, std::string_view word) const noexcept {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const field f = (*this)[i];
    if (equal_ignoring_case(f.name, name) && has_word(f.value, word)) return true;
  }
  return false;
}

void detail::unchecked_fields::add(fields& to, std::string_view name, std::string_view value) {
  to.append(name, value);
}

}  // namespace weft::io::http
