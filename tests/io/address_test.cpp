#include "io_support.hpp"

#include <netinet/in.h>
#include <sys/un.h>

namespace weft::io::test {
namespace {

TEST(address, reads_and_prints_ipv4) {
  const address a("127.0.0.1:8080");
  EXPECT_EQ(a.family(), AF_INET);
  EXPECT_EQ(a.host(), "127.0.0.1");
  EXPECT_EQ(a.port(), 8080);
  EXPECT_EQ(a.to_string(), "127.0.0.1:8080");
  EXPECT_EQ(a.size(), sizeof(sockaddr_in));
}

TEST(address, reads_and_prints_ipv6) {
  const address a("[2001:DB8::1]:443");
  EXPECT_EQ(a.family(), AF_INET6);
  EXPECT_EQ(a.host(), "2001:db8::1");
  EXPECT_EQ(a.port(), 443);
  EXPECT_EQ(a.to_string(), "[2001:db8::1]:443");
}

TEST(address, an_ipv6_scope_is_a_number_or_an_interface) {
  EXPECT_EQ(address("[fe80::1%7]:1").to_string(), "[fe80::1%7]:1");
  EXPECT_EQ(address("[fe80::1%lo]:1"), address("[fe80::1%1]:1"));
}

TEST(address, extreme_ports_are_ports) {
  EXPECT_EQ(address("0.0.0.0:0").port(), 0);
  EXPECT_EQ(address("0.0.0.0:65535").port(), 65535);
}

TEST(address, equality_and_another_port) {
  const address a("10.0.0.1:80");
  EXPECT_EQ(a, address("10.0.0.1:80"));
  EXPECT_FALSE(a == address("10.0.0.2:80"));
  EXPECT_FALSE(a == address("[::1]:80"));
  EXPECT_EQ(a.with_port(81), address("10.0.0.1:81"));
  EXPECT_EQ(address("[::1]:80").with_port(81), address("[::1]:81"));
}

TEST(address, what_the_system_gives_is_checked) {
  const address a("[::1]:9");
  EXPECT_EQ(address(a.data(), a.size()), a);
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_EQ(error_of([&] { address(reinterpret_cast<const sockaddr*>(&local), sizeof local); }).code().value(),
            EAFNOSUPPORT);
  EXPECT_EQ(error_of([&] { address(a.data(), sizeof(sockaddr_in)); }).code().value(), EAFNOSUPPORT);
}

struct bad_text {
  const char* text;
  const char* why;
};

class bad_address : public testing::TestWithParam<bad_text> {};

TEST_P(bad_address, is_quoted_and_explained) {
  const std::system_error e = error_of([] { address{GetParam().text}; });
  EXPECT_EQ(e.code().value(), EINVAL);
  EXPECT_NE(std::string_view(e.what()).find('"' + std::string(GetParam().text) + '"'), std::string_view::npos)
      << e.what();
  EXPECT_NE(std::string_view(e.what()).find(GetParam().why), std::string_view::npos) << e.what();
}

INSTANTIATE_TEST_SUITE_P(
    texts, bad_address,
    testing::Values(
        bad_text{"", "the port is missing"}, bad_text{"127.0.0.1", "the port is missing"},
        bad_text{"127.0.0.1:", "the port is not a number"}, bad_text{"127.0.0.1:65536", "the port is not a number"},
        bad_text{"127.0.0.1:-1", "the port is not a number"}, bad_text{"127.0.0.1:8o", "the port is not a number"},
        bad_text{"127.0.0.256:80", "names are not looked up"}, bad_text{"example.org:80", "names are not looked up"},
        bad_text{":80", "names are not looked up"}, bad_text{"::1:80", "stands in brackets"},
        bad_text{"[::1:80", "not closed"}, bad_text{"[::1]x:80", "not closed"},
        bad_text{"[:::1]:80", "is not an IPv6 host"}, bad_text{"[127.0.0.1]:80", "is not an IPv6 host"},
        bad_text{"[fe80::1%no-such]:80", "no network interface"}));

}  // namespace
}  // namespace weft::io::test
