// The sockets of --listen: opened here, or handed down by whoever started weft.
#pragma once

#include <string>
#include <vector>

#include <weft/io/tcp.hpp>

namespace weft::cli {

class listeners {
 public:
  // Each text is an address ("127.0.0.1:8080", "[::1]:0"), or the number of a descriptor that is a socket. Where it
  // listens is said on standard error if the system was to choose the port. Throws usage_error.
  explicit listeners(const std::vector<std::string>& texts);

  // In the order given; open as long as this object.
  [[nodiscard]] const std::vector<int>& descriptors() const noexcept { return descriptors_; }

 private:
  void open(const std::string& text);

  std::vector<io::tcp_listener> opened_;
  std::vector<int> descriptors_;
};

}  // namespace weft::cli
