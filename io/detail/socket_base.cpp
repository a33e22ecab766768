#include <weft/io/detail/socket_base.hpp>

#include <algorithm>
#include <climits>

#include <weft/io/detail/socket_calls.hpp>

namespace weft::io::detail {

namespace {

int clamp(std::size_t bytes) noexcept { return static_cast<int>(std::min<std::size_t>(bytes, INT_MAX)); }

}  // namespace

void data_socket::set_receive_buffer_size(std::size_t bytes) {
  const descriptor_use use(descriptor_, "set SO_RCVBUF of");
  use.check(set_option(use.fd(), SOL_SOCKET, SO_RCVBUF, clamp(bytes)));
}

std::size_t data_socket::receive_buffer_size() const {
  const descriptor_use use(descriptor_, "read SO_RCVBUF of");
  return static_cast<std::size_t>(use.check(option_of(use.fd(), SOL_SOCKET, SO_RCVBUF)));
}

void data_socket::set_send_buffer_size(std::size_t bytes) {
  const descriptor_use use(descriptor_, "set SO_SNDBUF of");
  use.check(set_option(use.fd(), SOL_SOCKET, SO_SNDBUF, clamp(bytes)));
}

std::size_t data_socket::send_buffer_size() const {
  const descriptor_use use(descriptor_, "read SO_SNDBUF of");
  return static_cast<std::size_t>(use.check(option_of(use.fd(), SOL_SOCKET, SO_SNDBUF)));
}

}  // namespace weft::io::detail
