// TCP connections to hosts by their names.
//
//   weft::io::tcp_stream s = weft::io::connect("example.org", "https");
//
// A host may have several addresses, some of which do not answer. They are tried in turn, in the order of RFC 6724 but IPv6 and IPv4 alternating, each a
// little later than the one before or as soon as that has failed, until one is connected; the others are then given up. Addresses of the two families are
// asked for separately, and it begins with those that are known first, unless the other family may have a better one, as IPv6 nearly always may: then it
// waits a moment (Happy Eyeballs, RFC 8305). Parks; a cancellation point; deadlines hold. On an ordinary thread it blocks, asks for both together, and
// tries one address after the other.
#pragma once

#include <chrono>
#include <span>
#include <string_view>
#include <system_error>

#include <weft/io/resolve.hpp>
#include <weft/io/tcp.hpp>

namespace weft::io {

struct connect_options {
  resolve_options resolve = {};
  // How long an attempt has to itself before the next one begins beside it.
  std::chrono::nanoseconds stagger = std::chrono::milliseconds(250);
  // How long the other family's addresses are waited for when they may be better than those that are known.
  std::chrono::nanoseconds resolution_delay = std::chrono::milliseconds(50);
};

// A connection to the first address that answers; `service` is a port number or a name of /etc/services. Throws std::system_error as resolve()
// does, or with the errno of the first address and a message that says of each how it failed.
[[nodiscard]] tcp_stream connect(std::string_view host, std::string_view service, const connect_options& options = {});
[[nodiscard]] tcp_stream connect(std::string_view host, std::string_view service, const connect_options& options,
                                 std::error_code& error);

// The same with addresses that are known, tried in their order. Throws std::invalid_argument if there is none.
[[nodiscard]] tcp_stream connect_any(std::span<const address> addresses,
                                     std::chrono::nanoseconds stagger = std::chrono::milliseconds(250));

}  // namespace weft::io
