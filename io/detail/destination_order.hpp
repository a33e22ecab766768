// Which family's addresses of a host come first, by the rules of RFC 6724, section 6, that tell addresses of different families apart. c-ares has
// put those of one family in order already; it orders both only when it has both, for which a connection does not wait.
#pragma once

#include <optional>
#include <span>

#include <weft/io/address.hpp>

namespace weft::io::detail {

struct destination {
  address to;
  std::optional<address> from;  // what it would be reached from; none if there is no way to it
};

// Asks the kernel, by a UDP socket that is connected and sends nothing. Never parks.
[[nodiscard]] destination with_source(const address& to);

// Rules 1, 2, 5, 6 and 8. Of the others, 3, 4 and 7 are about what only the kernel knows, and 9 does not compare families.
[[nodiscard]] bool precedes(const destination& a, const destination& b) noexcept;

// The family of the best of some addresses, each family's being in order: AF_INET6 where neither precedes the other.
[[nodiscard]] int leading_family(std::span<const address> addresses);

// Whether an address of the other family might precede this one.
[[nodiscard]] bool may_be_preceded(const address& to);

}  // namespace weft::io::detail
