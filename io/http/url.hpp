// The parts of a URL of HTTP's: "https://example.org:8443/search?q=1#top".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::io::http {

struct url {
  std::string scheme;  // "http" or "https"
  std::string host;    // without brackets, lower case
  std::uint16_t port = 80;
  std::string target;  // path and query: at least "/"

  // Throws std::invalid_argument, whose message quotes the text and says what is wrong. User names in URLs are refused, fragments dropped.
  [[nodiscard]] static url parse(std::string_view text);
  // What a reference, such as a Location, means on the page of this URL.
  [[nodiscard]] url resolve(std::string_view reference) const;

  [[nodiscard]] bool has_default_port() const noexcept { return port == (scheme == "https" ? 443 : 80); }
  // Host, in brackets if it is an IPv6 address, and the port unless it is the scheme's own.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string to_string() const { return scheme + "://" + authority() + target; }
};

}  // namespace weft::io::http
