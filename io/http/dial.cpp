#include <netdb.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include <weft/io/address.hpp>
#include <weft/io/http/detail/client_core.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io::http::detail {

namespace {

std::vector<address> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int result = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (result != 0) {
    throw std::system_error(std::make_error_code(std::errc::host_unreachable),
                            "weft::io::http: cannot find the host '" + host + "' (" + ::gai_strerror(result) + ")");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<address> all;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next)
    all.push_back(address(a->ai_addr, a->ai_addrlen).with_port(port));
  return all;
}

}  // namespace

// The C library's resolver blocks: a helper thread asks it.
tcp_stream dial(const std::string& host, std::uint16_t port) {
  const std::vector<address> addresses = blocking([&] { return look_up(host, port); });
  for (std::size_t i = 0;; ++i) {
    try {
      return tcp_stream::connect(addresses.at(i));
    } catch (const std::system_error&) {
      if (i + 1 == addresses.size()) throw;
    }
  }
}

}  // namespace weft::io::http::detail
