// What resolving a name and connecting to it have in common.
#pragma once

#include <string_view>
#include <system_error>

namespace weft::io::detail {

// "127.0.0.1", "fe80::1%eth0": an address already, so nobody has to be asked.
[[nodiscard]] bool is_numeric_host(std::string_view host);

// The error as resolve() throws it.
[[noreturn]] void throw_unresolved(std::string_view host, std::string_view service, const std::error_code& error);

}  // namespace weft::io::detail
