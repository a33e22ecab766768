#include <weft/io/http/url.hpp>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace weft::io::http {

namespace {

[[noreturn]] void refuse(std::string_view text, const char* why) {
  throw std::invalid_argument("weft::io::http: '" + std::string(text) + "' is no URL for HTTP: " + why);
}

std::string lower_case(std::string_view s) {
  std::string result(s);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

// What must not get into a request's first line, or a Host.
bool is_clean(std::string_view s) noexcept {
  return std::ranges::none_of(s, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

std::uint16_t port_of(std::string_view digits, std::string_view whole) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value == 0 || value > 65'535) {
    refuse(whole, "its port is not 1 to 65535");
  }
  return static_cast<std::uint16_t>(value);
}

std::string target_of(std::string_view path) {
  std::string target(path.substr(0, path.find('#')));
  if (target.empty() || target.front() != '/') target.insert(target.begin(), '/');
  return target;
}

// Where the host ends; text begins with it.
std::size_t end_of_host(std::string_view authority, std::string_view whole) {
  if (!authority.starts_with('[')) return std::min(authority.find(':'), authority.size());
  const std::size_t bracket = authority.find(']');
  if (bracket == std::string_view::npos) refuse(whole, "a bracket is not closed");
  return bracket + 1;
}

}  // namespace

url url::parse(std::string_view text) {
  if (!is_clean(text)) refuse(text, "it has blanks or control characters");
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) refuse(text, "it does not begin with http:// or https://");
  url u;
  u.scheme = lower_case(text.substr(0, colon));
  if (u.scheme != "http" && u.scheme != "https") refuse(text, "it does not begin with http:// or https://");
  u.port = u.scheme == "https" ? 443 : 80;
  const std::string_view rest = text.substr(colon + 3);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) refuse(text, "user names belong into a header");
  const std::size_t host_end = end_of_host(authority, text);
  u.host = lower_case(authority.starts_with('[') ? authority.substr(1, host_end - 2) : authority.substr(0, host_end));
  if (u.host.empty()) refuse(text, "it has no host");
  const std::string_view port = authority.substr(host_end);
  if (!port.empty() && port != ":") {
    if (port.front() != ':') refuse(text, "something stands between host and port");
    u.port = port_of(port.substr(1), text);
  }
  u.target = target_of(rest.substr(end));
  return u;
}

url url::resolve(std::string_view reference) const {
  if (!is_clean(reference)) refuse(reference, "it has blanks or control characters");
  if (reference.find("://") < reference.find_first_of("/?#")) return parse(reference);
  if (reference.starts_with("//")) return parse(scheme + ":" + std::string(reference));
  url u = *this;
  const std::string_view path = std::string_view(target).substr(0, target.find('?'));
  if (reference.starts_with('/')) {
    u.target = target_of(reference);
  } else if (reference.starts_with('?')) {
    u.target = target_of(std::string(path) + std::string(reference));
  } else if (!reference.empty() && !reference.starts_with('#')) {
    u.target = target_of(std::string(path.substr(0, path.rfind('/') + 1)) + std::string(reference));
  }
  return u;
}

std::string url::authority() const {
  std::string result = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (!has_default_port()) result += ":" + std::to_string(port);
  return result;
}

}  // namespace weft::io::http
