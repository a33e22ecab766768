#include <weft/io/detail/destination_order.hpp>

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <weft/io/detail/unique_fd.hpp>

namespace weft::io::detail {

namespace {

using bytes = std::array<std::uint8_t, 16>;

struct prefix {
  bytes value;
  std::size_t length;  // in bits

  [[nodiscard]] bool begins(const bytes& address) const noexcept {
    const std::size_t whole = length / 8;
    if (!std::equal(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(whole), address.begin())) return false;
    return length % 8 == 0 || (value[whole] ^ address[whole]) >> (8 - length % 8) == 0;
  }
};

constexpr prefix loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128};
constexpr prefix v4_mapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};
constexpr prefix v4_loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}, 104};
constexpr prefix v4_link_local{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 169, 254}, 112};
constexpr prefix link_local{{0xfe, 0x80}, 10};
constexpr prefix site_local{{0xfe, 0xc0}, 10};
constexpr prefix multicast{{0xff}, 8};

// RFC 6724, section 2.1.
struct policy {
  prefix of;
  int precedence;
  int label;
};
constexpr std::array policies{policy{loopback, 50, 0},
                              policy{v4_mapped, 35, 4},
                              policy{{{}, 96}, 1, 3},                  // addresses of IPv4 within IPv6, deprecated
                              policy{{{0x20, 0x01, 0, 0}, 32}, 5, 5},  // Teredo
                              policy{{{0x20, 0x02}, 16}, 30, 2},       // 6to4
                              policy{{{0x3f, 0xfe}, 16}, 1, 12},       // 6bone
                              policy{site_local, 1, 11},
                              policy{{{0xfc}, 7}, 3, 13},  // unique local addresses
                              policy{{{}, 0}, 40, 1}};

const policy& policy_of(const bytes& address) noexcept {
  return *std::find_if(policies.begin(), policies.end() - 1, [&](const policy& p) { return p.of.begins(address); });
}

// Section 3.1; a smaller one is nearer.
enum scope : std::uint8_t { scope_link = 2, scope_site = 5, scope_global = 14 };

int scope_of(const bytes& address) noexcept {
  constexpr unsigned multicast_scope = 0x0f;
  if (multicast.begins(address)) return static_cast<int>(address[1] & multicast_scope);
  if (site_local.begins(address)) return scope_site;
  const std::array near{loopback, link_local, v4_loopback, v4_link_local};
  return std::any_of(near.begin(), near.end(), [&](const prefix& p) { return p.begins(address); }) ? scope_link
                                                                                                   : scope_global;
}

// Those of IPv4 as they are mapped into IPv6.
bytes bytes_of(const address& a) noexcept {
  bytes b{};
  if (a.family() == AF_INET6) {
    std::copy_n(reinterpret_cast<const sockaddr_in6*>(a.data())->sin6_addr.s6_addr, b.size(), b.begin());
    return b;
  }
  b = v4_mapped.value;
  const auto* const four =
      reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in*>(a.data())->sin_addr.s_addr);
  std::copy_n(four, sizeof(in_addr), b.end() - sizeof(in_addr));
  return b;
}

// What the rules look at, the better ones greater.
std::array<int, 5> merits_of(const destination& d) noexcept {
  const bytes to = bytes_of(d.to);
  const bytes from = d.from ? bytes_of(*d.from) : bytes{};
  return {d.from ? 1 : 0, d.from && scope_of(from) == scope_of(to) ? 1 : 0,
          d.from && policy_of(from).label == policy_of(to).label ? 1 : 0, policy_of(to).precedence, -scope_of(to)};
}

// The best that a family can have.
destination ideal(int family) {
  const address self(family == AF_INET ? "127.0.0.1:0" : "[::1]:0");
  return {.to = self, .from = self};
}

}  // namespace

destination with_source(const address& to) {
  destination d{.to = to, .from = std::nullopt};
  const unique_fd probe(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe || ::connect(probe.get(), to.data(), to.size()) != 0) return d;
  sockaddr_storage source{};
  socklen_t size = sizeof(source);
  auto* const raw = reinterpret_cast<sockaddr*>(&source);
  if (::getsockname(probe.get(), raw, &size) == 0) d.from = address(raw, size);
  return d;
}

bool precedes(const destination& a, const destination& b) noexcept { return merits_of(a) > merits_of(b); }

int leading_family(std::span<const address> addresses) {
  const auto first_of = [&](int family) {
    return std::find_if(addresses.begin(), addresses.end(), [=](const address& a) { return a.family() == family; });
  };
  const auto four = first_of(AF_INET);
  const auto six = first_of(AF_INET6);
  if (four == addresses.end()) return AF_INET6;
  if (six == addresses.end()) return AF_INET;
  return precedes(with_source(*four), with_source(*six)) ? AF_INET : AF_INET6;
}

bool may_be_preceded(const address& to) {
  return precedes(ideal(to.family() == AF_INET ? AF_INET6 : AF_INET), with_source(to));
}

}  // namespace weft::io::detail
