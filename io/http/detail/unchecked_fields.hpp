// Adds fields that the parser has checked already.
#pragma once

#include <string_view>

#include <weft/io/http/message.hpp>

namespace weft::io::http::detail {

struct unchecked_fields {
  static void add(fields& to, std::string_view name, std::string_view value);
};

}  // namespace weft::io::http::detail
