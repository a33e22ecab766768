// Groups of receivers, on this machine.
#include "io_support.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

namespace weft::io::test {
namespace {

// The loopback interface, where it has multicast; else another, which datagrams over no hop do not leave. Empty if there is none.
std::string usable_interface(int family) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string found;
  for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != family || (i->ifa_flags & IFF_UP) == 0) continue;
    // For IPv4 loopback does although it does not say so.
    const bool is_loopback = (i->ifa_flags & IFF_LOOPBACK) != 0 && family == AF_INET;
    if (!is_loopback && (i->ifa_flags & IFF_MULTICAST) == 0) continue;
    if (found.empty() || is_loopback) found = i->ifa_name;
  }
  ::freeifaddrs(all);
  return found;
}

struct network {
  const char* any;
  const char* sender;
  const char* group;
  const char* other_group;
};

class multicast_test : public testing::TestWithParam<network> {
 protected:
  // Bound to a port that the others share.
  [[nodiscard]] udp_socket member(std::uint16_t port = 0) const {
    udp_socket s(address(GetParam().any).with_port(port), {.reuse_address = true});
    s.join(address(GetParam().group), interface_);
    return s;
  }

  static std::string next(udp_socket& s) {
    std::array<std::byte, 32> buffer;
    return std::string(text_of(std::span(buffer).first(s.receive_from(buffer).size)));
  }

  static int option(const udp_socket& s, int four, int six) {
    int value = -1;
    socklen_t size = sizeof value;
    const bool is_six = s.local_address().family() == AF_INET6;
    EXPECT_EQ(::getsockopt(s.native_handle(), is_six ? IPPROTO_IPV6 : IPPROTO_IP, is_six ? six : four, &value, &size),
              0);
    return value;
  }

  const std::string interface_ = usable_interface(address(GetParam().any).family());
};

TEST_P(multicast_test, each_member_gets_a_copy_until_it_leaves) {
  weft::test::run([&] {
    udp_socket first = member();
    const std::uint16_t port = first.local_address().port();
    udp_socket second = member(port);
    udp_socket sender(address(GetParam().sender));
    sender.set_multicast_interface(interface_);
    sender.set_multicast_hops(0);
    const address to = address(GetParam().group).with_port(port);
    sender.send_to("one", to);
    EXPECT_EQ(next(first), "one");
    EXPECT_EQ(next(second), "one");
    first.leave(address(GetParam().group), interface_);
    sender.send_to("two", to);
    EXPECT_EQ(next(second), "two");
    first.join(address(GetParam().group), interface_);
    sender.send_to("three", to);
    EXPECT_EQ(next(first), "three") << "and not what was sent while it was no member";
    EXPECT_EQ(next(second), "three");
  });
}

TEST_P(multicast_test, a_group_is_joined_once_and_left_by_members) {
  weft::test::run([&] {
    udp_socket s = member();
    EXPECT_EQ(error_of([&] { s.join(address(GetParam().group), interface_); }).code().value(), EADDRINUSE);
    EXPECT_EQ(error_of([&] { s.leave(address(GetParam().other_group), interface_); }).code().value(), EADDRNOTAVAIL);
    const std::system_error no_group = error_of([&] { s.join(address(GetParam().sender), interface_); });
    EXPECT_EQ(no_group.code().value(), EINVAL);
    EXPECT_NE(std::string(no_group.what()).find("cannot join the multicast group"), std::string::npos);
    const std::system_error no_interface = error_of([&] { s.join(address(GetParam().group), "nosuch0"); });
    EXPECT_EQ(no_interface.code().value(), ENODEV);
    EXPECT_NE(std::string(no_interface.what()).find("'nosuch0'"), std::string::npos);
    EXPECT_EQ(error_of([&] { s.set_multicast_interface("nosuch0"); }).code().value(), ENODEV);
    udp_socket closed;
    EXPECT_EQ(error_of([&] { closed.join(address(GetParam().group)); }).code().value(), EBADF);
  });
}

TEST_P(multicast_test, how_datagrams_leave_is_set) {
  udp_socket s(address(GetParam().sender));
  EXPECT_EQ(option(s, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS), 1);
  EXPECT_EQ(option(s, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP), 1);
  s.set_multicast_hops(0);
  EXPECT_EQ(option(s, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS), 0);
  s.set_multicast_hops(255);
  EXPECT_EQ(option(s, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS), 255);
  s.set_multicast_loopback(false);
  EXPECT_EQ(option(s, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP), 0);
  for (const int hops : {-1, 256}) EXPECT_THROW(s.set_multicast_hops(hops), std::invalid_argument);
}

// IPv6 where an interface of this machine has multicast of it; loopback has IPv4's.
std::vector<network> networks() {
  std::vector<network> found{{"0.0.0.0:0", "127.0.0.1:0", "239.255.41.7:0", "239.255.41.8:0"}};
  if (!usable_interface(AF_INET6).empty()) found.push_back({"[::]:0", "[::]:0", "[ff01::4107]:0", "[ff01::4108]:0"});
  return found;
}

INSTANTIATE_TEST_SUITE_P(over, multicast_test, testing::ValuesIn(networks()),
                         [](const auto& n) { return n.index == 0 ? "IPv4" : "IPv6"; });

}  // namespace
}  // namespace weft::io::test
