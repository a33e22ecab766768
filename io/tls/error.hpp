// What can go wrong with TLS beyond the connection under it, as the code of a std::system_error whose message tells the details.
#pragma once

#include <system_error>
#include <type_traits>

namespace weft::io {

enum class tls_errc {
  untrusted_certificate = 1,  // nobody whom this side trusts vouches for the peer's certificate
  expired_certificate,        // it is not valid any more, or not yet
  wrong_host,                 // it is a certificate for another name
  no_common_protocol,         // none of the protocols (ALPN) that one side offered suits the other
  refused_by_peer,            // the peer ended the connection with an alert
  truncated,                  // the connection ended without a word of the peer's: what was received may not be all
  bad_credentials,            // this side's own certificate or key cannot be used
  protocol_failure,           // the peer does not speak TLS 1.2 or 1.3, or speaks it wrongly
};

[[nodiscard]] const std::error_category& tls_category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(tls_errc e) noexcept {
  return {static_cast<int>(e), tls_category()};
}

}  // namespace weft::io

template <>
struct std::is_error_code_enum<weft::io::tls_errc> : std::true_type {};
