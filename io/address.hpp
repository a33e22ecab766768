// A numeric internet address with a port: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80". Names are not looked up.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::io {

// A value; cheap to copy. Never parks.
class address {
 public:
  // 0.0.0.0:0, which is any address of this machine, with a port that the system chooses.
  address() noexcept { storage_.ss_family = AF_INET; }

  // Reads "host:port", where an IPv6 host stands in brackets and a port is 0 to 65535. Throws std::system_error (EINVAL) whose
  // message quotes the text and says what is wrong with it.
  address(std::string_view text);  // NOLINT(google-explicit-constructor): listeners and connections take text
  address(const char* text) : address(std::string_view(text)) {}
  address(const std::string& text) : address(std::string_view(text)) {}

  // The address that the operating system gave; throws std::system_error (EAFNOSUPPORT) if it is not of IPv4 or IPv6.
  address(const sockaddr* raw, socklen_t size);

  // AF_INET or AF_INET6.
  [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
  [[nodiscard]] std::uint16_t port() const noexcept;
  // Without the port and without brackets.
  [[nodiscard]] std::string host() const;
  // In the form that the constructor reads.
  [[nodiscard]] std::string to_string() const;

  // The same host with another port.
  [[nodiscard]] address with_port(std::uint16_t port) const noexcept;

  // For system calls.
  [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const noexcept;

  friend bool operator==(const address& a, const address& b) noexcept;

 private:
  sockaddr_storage storage_{};
};

}  // namespace weft::io
