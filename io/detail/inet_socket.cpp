#include <weft/io/detail/inet_socket.hpp>

#include <cerrno>
#include <string>
#include <system_error>

#include <weft/io/detail/socket_calls.hpp>

namespace weft::io::detail {

namespace {

[[noreturn]] void fail(std::int64_t result, const char* action, const address& where, const char* remedy) {
  throw std::system_error(static_cast<int>(-result), std::generic_category(),
                          std::string("weft::io: cannot ") + action + " " + where.to_string() + remedy);
}

const char* remedy_for(std::int64_t result) noexcept {
  switch (-result) {
    case EADDRINUSE:
      return " (another socket has that port: stop its owner, or use port 0 for a free one)";
    case EACCES:
      return " (ports below net.ipv4.ip_unprivileged_port_start need a privilege: use a higher one)";
    case EADDRNOTAVAIL:
      return " (this machine has no such address)";
    default:
      return "";
  }
}

}  // namespace

address own_address(const descriptor_use& use) {
  socket_name name;
  use.check(find_own_name(use.fd(), name));
  return {name.data(), name.size};
}

address peer_address(const descriptor_use& use) {
  socket_name name;
  use.check(find_peer_name(use.fd(), name));
  return {name.data(), name.size};
}

int check_at(std::int64_t result, const char* action, const address& where) {
  if (result < 0) fail(result, action, where, "");
  return static_cast<int>(result);
}

void check_bound(std::int64_t result, const char* action, const address& where) {
  if (result < 0) fail(result, action, where, remedy_for(result));
}

}  // namespace weft::io::detail
