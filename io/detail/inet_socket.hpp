// What the sockets of TCP and UDP have in common: addresses, and messages with addresses in them.
#pragma once

#include <cstdint>

#include <weft/io/address.hpp>
#include <weft/io/detail/open_descriptor.hpp>

namespace weft::io::detail {

// Both throw std::system_error.
[[nodiscard]] address own_address(const descriptor_use& use);
[[nodiscard]] address peer_address(const descriptor_use& use);

// The result of a call about an address: itself, or if it is negative a std::system_error "cannot <action> <address>: <why>".
int check_at(std::int64_t result, const char* action, const address& where);
// The same of bind(2) and listen(2), with a remedy.
void check_bound(std::int64_t result, const char* action, const address& where);

}  // namespace weft::io::detail
