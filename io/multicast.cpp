// Groups of receivers for udp_socket, IPv4 and IPv6 alike as far as the system lets them be.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

#include <weft/io/detail/inet_socket.hpp>
#include <weft/io/detail/socket_calls.hpp>
#include <weft/io/udp.hpp>

namespace weft::io {

namespace {

using detail::check_at;
using detail::descriptor_use;

template <class Value>
[[gnu::noinline]] std::int64_t set(int fd, int level, int option, const Value& value) noexcept {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

// 0, the system's choice, for no name.
[[gnu::noinline]] unsigned index_of(std::string_view interface) {
  if (interface.empty()) return 0;
  const unsigned index = ::if_nametoindex(std::string(interface).c_str());
  if (index != 0) return index;
  throw std::system_error(ENODEV, std::generic_category(),
                          "weft::io: cannot use the network interface '" + std::string(interface) +
                              "' (`ip link` lists those that there are)");
}

int level_of(int family) noexcept { return family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP; }

std::int64_t change_membership(int fd, int option, const address& group, unsigned interface) noexcept {
  group_req request{};
  request.gr_interface = interface;
  std::memcpy(&request.gr_group, group.data(), group.size());
  return set(fd, level_of(group.family()), option, request);
}

// The system's default would give a socket the datagrams of groups that any other socket has joined.
std::int64_t hear_own_groups_only(int fd, int family) noexcept {
  return set(fd, level_of(family), family == AF_INET6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL, 0);
}

std::int64_t send_through(int fd, int family, unsigned interface) noexcept {
  if (family == AF_INET6) return set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(interface));
  ip_mreqn request{};
  request.imr_ifindex = static_cast<int>(interface);
  return set(fd, IPPROTO_IP, IP_MULTICAST_IF, request);
}

}  // namespace

void udp_socket::join(const address& group, std::string_view interface) {
  const descriptor_use use(descriptor_, "join a group by");
  check_at(hear_own_groups_only(use.fd(), group.family()), "limit what is heard to the multicast group", group);
  check_at(change_membership(use.fd(), MCAST_JOIN_GROUP, group, index_of(interface)), "join the multicast group",
           group);
}

void udp_socket::leave(const address& group, std::string_view interface) {
  const descriptor_use use(descriptor_, "leave a group by");
  check_at(change_membership(use.fd(), MCAST_LEAVE_GROUP, group, index_of(interface)), "leave the multicast group",
           group);
}

void udp_socket::set_multicast_interface(std::string_view interface) {
  const descriptor_use use(descriptor_, "set the multicast interface of");
  const address own = detail::own_address(use);
  check_at(send_through(use.fd(), own.family(), index_of(interface)), "set the multicast interface of the socket on",
           own);
}

void udp_socket::set_multicast_hops(int hops) {
  if (hops < 0 || hops > 255) {
    throw std::invalid_argument("weft::io: multicast datagrams go over 0 to 255 hops, not " + std::to_string(hops));
  }
  const descriptor_use use(descriptor_, "set the multicast hops of");
  const address own = detail::own_address(use);
  const bool six = own.family() == AF_INET6;
  check_at(set(use.fd(), level_of(own.family()), six ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, hops),
           "set the multicast hops of the socket on", own);
}

void udp_socket::set_multicast_loopback(bool on) {
  const descriptor_use use(descriptor_, "set the multicast loopback of");
  const address own = detail::own_address(use);
  const bool six = own.family() == AF_INET6;
  check_at(set(use.fd(), level_of(own.family()), six ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, on ? 1 : 0),
           "set the multicast loopback of the socket on", own);
}

}  // namespace weft::io
