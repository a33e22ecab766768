#include <weft/io/http/detail/error_forms.hpp>

namespace weft::io::http::detail {

std::error_code code_for(const error& e) noexcept {
  switch (e.status()) {
    case 408:
      return std::make_error_code(std::errc::timed_out);
    case 413:
    case 431:
      return std::make_error_code(std::errc::message_size);
    default:
      return std::make_error_code(std::errc::protocol_error);
  }
}

}  // namespace weft::io::http::detail
