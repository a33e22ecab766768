#include <weft/io/http/detail/trailers.hpp>

#include <algorithm>
#include <array>

#include <weft/io/http/message.hpp>

namespace weft::io::http::detail {

bool may_be_trailer(std::string_view name) noexcept {
  using namespace std::string_view_literals;
  static constexpr std::array refused{"Authorization"sv,
                                      "Cache-Control"sv,
                                      "Connection"sv,
                                      "Content-Encoding"sv,
                                      "Content-Length"sv,
                                      "Content-Range"sv,
                                      "Content-Type"sv,
                                      "Cookie"sv,
                                      "Expect"sv,
                                      "Host"sv,
                                      "If-Match"sv,
                                      "If-Modified-Since"sv,
                                      "If-None-Match"sv,
                                      "If-Range"sv,
                                      "If-Unmodified-Since"sv,
                                      "Keep-Alive"sv,
                                      "Location"sv,
                                      "Max-Forwards"sv,
                                      "Pragma"sv,
                                      "Proxy-Authenticate"sv,
                                      "Proxy-Authorization"sv,
                                      "Range"sv,
                                      "Set-Cookie"sv,
                                      "TE"sv,
                                      "Transfer-Encoding"sv,
                                      "Upgrade"sv,
                                      "Vary"sv,
                                      "WWW-Authenticate"sv};
  return std::ranges::none_of(refused, [name](std::string_view r) { return equal_ignoring_case(r, name); });
}

}  // namespace weft::io::http::detail
