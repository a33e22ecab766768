#include <weft/io/tls/error.hpp>

#include <string>

namespace weft::io {

namespace {

class category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tls"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<tls_errc>(value)) {
      case tls_errc::untrusted_certificate:
        return "untrusted certificate";
      case tls_errc::expired_certificate:
        return "expired certificate";
      case tls_errc::wrong_host:
        return "certificate of another host";
      case tls_errc::no_common_protocol:
        return "no common application protocol";
      case tls_errc::refused_by_peer:
        return "refused by the peer";
      case tls_errc::truncated:
        return "cut off without a goodbye";
      case tls_errc::bad_credentials:
        return "unusable certificate or key";
      case tls_errc::protocol_failure:
        return "TLS protocol failure";
    }
    return "unknown TLS error";
  }
};

}  // namespace

const std::error_category& tls_category() noexcept {
  static const category only;
  return only;
}

}  // namespace weft::io
