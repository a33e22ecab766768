// Forms of calls that report errors instead of throwing them.
#pragma once

#include <system_error>

#include <weft/io/http/message.hpp>

namespace weft::io::http::detail {

// The errno that stands for what a sender has done wrong.
[[nodiscard]] std::error_code code_for(const error& e) noexcept;

// What f returns; where it throws `error` or std::system_error that becomes the code, and a value of its own is returned. What is no failure of the exchange,
// such as std::invalid_argument and `cancelled`, passes.
template <class F>
auto reporting(std::error_code& code, F f) -> decltype(f()) {
  code.clear();
  try {
    return f();
  } catch (const error& e) {
    code = code_for(e);
  } catch (const std::system_error& e) {
    code = e.code();
  }
  return {};
}

}  // namespace weft::io::http::detail
