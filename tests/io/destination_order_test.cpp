#include <weft/io/detail/destination_order.hpp>

#include "io_support.hpp"

namespace weft::io::test {
namespace {

using detail::destination;

address to_host(std::string_view host) {
  const bool six = host.find(':') != std::string_view::npos;
  return address(six ? "[" + std::string(host) + "]:0" : std::string(host) + ":0");
}

destination reached(std::string_view to, std::string_view from) { return {to_host(to), to_host(from)}; }
destination unreachable(std::string_view to) { return {to_host(to), std::nullopt}; }

void expect_order(const destination& first, const destination& second) {
  EXPECT_TRUE(detail::precedes(first, second)) << first.to.to_string() << " before " << second.to.to_string();
  EXPECT_FALSE(detail::precedes(second, first)) << second.to.to_string() << " before " << first.to.to_string();
}

// The first three are examples of RFC 6724, section 10.2.
TEST(destination_order_test, two_families_compared) {
  expect_order(reached("2001:db8:1::1", "2001:db8:1::2"), reached("198.51.100.121", "169.254.13.78"));
  expect_order(reached("198.51.100.121", "198.51.100.117"), reached("2001:db8:1::1", "fe80::1"));
  expect_order(reached("2001:db8:1::1", "2001:db8:1::2"), reached("10.1.2.3", "10.1.2.4"));
  expect_order(reached("::1", "::1"), reached("127.0.0.1", "127.0.0.1"));
  expect_order(reached("192.0.2.1", "192.0.2.2"), unreachable("2001:db8::1"));
  expect_order(reached("2001:db8::1", "fe80::1"), unreachable("192.0.2.1"));
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("2001:db8::1", "fd00::1"));           // labels
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("2001:db8::1", "2002:c000:201::1"));  // labels
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("fd00::2", "fd00::1"));  // precedence from here on
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("fc00::2", "fd00::1"));
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("2002:c000:201::1", "2002:a00::1"));
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("2001::1", "2001:0:1::1"));
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("fec0::1", "feff::1"));
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("3ffe::1", "3ffe::2"));
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("::192.0.2.1", "::10.0.0.1"));
  expect_order(reached("2001:1::1", "2001:2::1"), reached("192.0.2.1", "10.0.0.1"));
  expect_order(reached("ff0e::1", "2001:2::1"), reached("192.0.2.1", "10.0.0.1"));
  expect_order(reached("192.0.2.1", "10.0.0.1"), reached("ff02::1", "2001:2::1"));                  // scope
  expect_order(reached("127.0.0.1", "127.0.0.1"), reached("::ffff:192.0.2.1", "::ffff:10.0.0.1"));  // the nearer one
}

TEST(destination_order_test, equal_ones) {
  const destination four = reached("192.0.2.1", "10.0.0.1");
  const destination mapped = reached("::ffff:192.0.2.2", "::ffff:10.0.0.1");
  EXPECT_FALSE(detail::precedes(four, mapped));
  EXPECT_FALSE(detail::precedes(mapped, four));
}

TEST(destination_order_test, the_kernel_knows_the_source) {
  EXPECT_EQ(detail::with_source("127.0.0.2:0").from.value().host(), "127.0.0.1");
  EXPECT_EQ(detail::with_source("[::1]:0").from.value().host(), "::1");
  EXPECT_FALSE(detail::with_source("255.255.255.255:0").from.has_value()) << "not without SO_BROADCAST";
}

TEST(destination_order_test, the_best_of_each_family_decides) {
  const auto leading = [](const std::vector<address>& addresses) { return detail::leading_family(addresses); };
  EXPECT_EQ(leading({"127.0.0.1:0", "[::1]:0"}), AF_INET6);
  EXPECT_EQ(leading({"[fec0::1]:0", "127.0.0.1:0", "[::1]:0"}), AF_INET) << "each family is in order already";
  EXPECT_EQ(leading({"127.0.0.1:0"}), AF_INET);
  EXPECT_EQ(leading({"[fec0::1]:0"}), AF_INET6);
}

TEST(destination_order_test, what_may_be_preceded) {
  EXPECT_FALSE(detail::may_be_preceded("[::1]:0"));
  EXPECT_TRUE(detail::may_be_preceded("127.0.0.1:0"));
  EXPECT_TRUE(detail::may_be_preceded("[fec0::1]:0"));
  EXPECT_TRUE(detail::may_be_preceded("255.255.255.255:0"));
}

}  // namespace
}  // namespace weft::io::test
