// The address of a Unix socket: a path in the file system, a name in Linux's abstract space, or none.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace weft::io {

// A value; cheap to copy. Never parks.
class unix_address {
 public:
  // No name: what a socket has that was bound to none.
  unix_address() noexcept { raw_.sun_family = AF_UNIX; }
  // "/run/server.sock" is a path, "@server" an abstract name: no file, gone with its socket, and free to all who share the network
  // namespace. (A file whose name begins so: "./@server".) Empty: no name. Throws std::system_error (ENAMETOOLONG: the system takes 107 bytes;
  // EINVAL: a zero byte in a path).
  unix_address(std::string_view text);  // NOLINT(google-explicit-constructor): listeners and connections take text
  unix_address(const char* text) : unix_address(std::string_view(text)) {}
  unix_address(const std::string& text) : unix_address(std::string_view(text)) {}
  unix_address(const std::filesystem::path& path) : unix_address(std::string_view(path.native())) {}

  // The address that the operating system gave; throws std::system_error (EAFNOSUPPORT) if it is not of a Unix socket.
  unix_address(const sockaddr* raw, socklen_t size);

  [[nodiscard]] bool is_unnamed() const noexcept { return length_ == 0; }
  [[nodiscard]] bool is_abstract() const noexcept { return length_ != 0 && raw_.sun_path[0] == '\0'; }
  [[nodiscard]] bool is_path() const noexcept { return length_ != 0 && raw_.sun_path[0] != '\0'; }
  // In the form that the constructor reads; "(unnamed)" for none.
  [[nodiscard]] std::string to_string() const;

  // For system calls.
  [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&raw_); }
  [[nodiscard]] socklen_t size() const noexcept;

  friend bool operator==(const unix_address& a, const unix_address& b) noexcept { return a.name() == b.name(); }

 private:
  [[nodiscard]] std::string_view name() const noexcept { return {raw_.sun_path, length_}; }

  sockaddr_un raw_{};
  std::size_t length_ = 0;  // of the name in sun_path, without a path's final zero
};

}  // namespace weft::io
