// The connection has failed, or ended too soon. A std::system_error for everybody else; the server knows by its type that no handler is to blame.
#pragma once

#include <system_error>

namespace weft::io::http::detail {

class connection_lost final : public std::system_error {
 public:
  using std::system_error::system_error;
  explicit connection_lost(const std::system_error& e) : std::system_error(e) {}
};

}  // namespace weft::io::http::detail
