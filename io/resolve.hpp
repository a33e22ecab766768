// Addresses of hosts by their names.
//
//   for (const weft::io::address& a : weft::io::resolve("example.org", "https")) ...
//
// A name is looked up in /etc/hosts and then asked for at the name servers of /etc/resolv.conf, by c-ares (its search list and options hold). What
// needs no question is answered without a network: "127.0.0.1", "::1", "fe80::1%eth0", "localhost". Nothing is cached. Each lookup reads those two
// files, which costs some 0.1 ms, and asks over sockets of its own.
//
// Parks while it waits for answers. A cancellation point; deadlines hold: a lookup that is cut short closes its sockets and is gone. On an
// ordinary thread it blocks.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/io/address.hpp>

namespace weft::io {

// Why there is no address.
enum class resolve_errc {
  not_found = 1,      // no host has that name (NXDOMAIN)
  no_address,         // the name is there, but has no address of the family that was asked for
  timed_out,          // no name server answered
  refused,            // each of them refused, failed, or could not be reached; a later attempt may succeed
  bad_name,           // no host can have that name
  bad_answer,         // the name server's answer makes no sense
  unknown_service,    // neither a port number nor a name in /etc/services
  bad_configuration,  // /etc/resolv.conf or the options cannot be used
};
[[nodiscard]] const std::error_category& resolve_category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(resolve_errc e) noexcept {
  return {static_cast<int>(e), resolve_category()};
}

struct resolve_options {
  // AF_INET or AF_INET6: addresses of that family only.
  int family = AF_UNSPEC;
  // Asked instead of those of /etc/resolv.conf.
  std::vector<address> servers = {};
  // How long to wait for an answer before the next attempt, which waits twice as long, and how often each server is asked. Zero: what
  // /etc/resolv.conf says, else 5 s and 4 times.
  std::chrono::milliseconds timeout{0};
  int attempts = 0;
};

// At least one address, in the order in which to try them (RFC 6724), each with the service's port: a number or a name of /etc/services. Throws
// std::system_error, whose code is a resolve_errc (or ENOMEM, EMFILE) and whose message names the host, the cause and the remedy.
[[nodiscard]] std::vector<address> resolve(std::string_view host, std::string_view service,
                                           const resolve_options& options = {});
[[nodiscard]] std::vector<address> resolve(std::string_view host, std::string_view service,
                                           const resolve_options& options, std::error_code& error);

}  // namespace weft::io

template <>
struct std::is_error_code_enum<weft::io::resolve_errc> : std::true_type {};
