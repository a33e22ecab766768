#include <weft/io/address.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

namespace weft::io {

namespace {

[[noreturn]] void reject(std::string_view text, const char* why) {
  throw std::system_error(
      EINVAL, std::generic_category(),
      "weft::io: \"" + std::string(text) + "\" is no address such as 127.0.0.1:80 or [::1]:80: " + why);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct parts {
  std::string host;
  std::string_view port;
  bool bracketed = false;
};

parts split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) reject(text, "the port is missing");
  std::string_view host = text.substr(0, colon);
  parts p{.host = {}, .port = text.substr(colon + 1)};
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) reject(text, "the bracket is not closed before the port");
    p.bracketed = true;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    reject(text, "an IPv6 host stands in brackets");
  }
  p.host = host;
  return p;
}

// The part after '%': an interface's name or number.
std::uint32_t scope_of(std::string_view text, const std::string& scope) {
  if (const auto number = parse_number<std::uint32_t>(scope)) return *number;
  const unsigned index = ::if_nametoindex(scope.c_str());
  if (index == 0) reject(text, "there is no network interface of that name");
  return index;
}

template <class Raw>
Raw& as(sockaddr_storage& storage) noexcept {
  return reinterpret_cast<Raw&>(storage);
}
template <class Raw>
const Raw& as(const sockaddr_storage& storage) noexcept {
  return reinterpret_cast<const Raw&>(storage);
}

}  // namespace

address::address(std::string_view text) {
  const parts p = split(text);
  const auto port = parse_number<std::uint16_t>(p.port);
  if (!port) reject(text, "the port is not a number from 0 to 65535");
  if (!p.bracketed) {
    auto& raw = as<sockaddr_in>(storage_);
    raw.sin_family = AF_INET;
    raw.sin_port = htons(*port);
    if (::inet_pton(AF_INET, p.host.c_str(), &raw.sin_addr) != 1)
      reject(text, "the host is not four numbers; names are not looked up");
    return;
  }
  auto& raw = as<sockaddr_in6>(storage_);
  raw.sin6_family = AF_INET6;
  raw.sin6_port = htons(*port);
  const std::size_t percent = p.host.find('%');
  if (percent != std::string::npos) raw.sin6_scope_id = scope_of(text, p.host.substr(percent + 1));
  if (::inet_pton(AF_INET6, p.host.substr(0, percent).c_str(), &raw.sin6_addr) != 1) {
    reject(text, "what stands in the brackets is not an IPv6 host");
  }
}

address::address(const sockaddr* raw, socklen_t size) {
  const bool known = (raw->sa_family == AF_INET && size >= sizeof(sockaddr_in)) ||
                     (raw->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6));
  if (!known) {
    throw std::system_error(EAFNOSUPPORT, std::generic_category(),
                            "weft::io: a socket's address is neither IPv4 nor IPv6");
  }
  std::memcpy(&storage_, raw, raw->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
}

std::uint16_t address::port() const noexcept {
  return ntohs(family() == AF_INET ? as<sockaddr_in>(storage_).sin_port : as<sockaddr_in6>(storage_).sin6_port);
}

std::string address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) {
    ::inet_ntop(AF_INET, &as<sockaddr_in>(storage_).sin_addr, text.data(), text.size());
    return text.data();
  }
  const auto& raw = as<sockaddr_in6>(storage_);
  ::inet_ntop(AF_INET6, &raw.sin6_addr, text.data(), text.size());
  std::string host = text.data();
  if (raw.sin6_scope_id != 0) host += '%' + std::to_string(raw.sin6_scope_id);
  return host;
}

std::string address::to_string() const {
  const std::string port_text = std::to_string(port());
  return family() == AF_INET ? host() + ':' + port_text : '[' + host() + "]:" + port_text;
}

address address::with_port(std::uint16_t port) const noexcept {
  address other = *this;
  (family() == AF_INET ? as<sockaddr_in>(other.storage_).sin_port : as<sockaddr_in6>(other.storage_).sin6_port) =
      htons(port);
  return other;
}

socklen_t address::size() const noexcept { return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }

bool operator==(const address& a, const address& b) noexcept {
  return a.family() == b.family() && std::memcmp(&a.storage_, &b.storage_, a.size()) == 0;
}

}  // namespace weft::io
