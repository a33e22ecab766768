// A socket that accepts connections: what tcp_listener and unix_listener do alike.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include <weft/io/detail/socket_base.hpp>
#include <weft/io/shortage.hpp>

namespace weft::io::detail {

class listening_socket : public socket_base {
 protected:
  listening_socket();
  // `fd` is taken over.
  listening_socket(int fd, const shortage_options& shortage);
  listening_socket(listening_socket&&) noexcept;
  listening_socket& operator=(listening_socket&&) noexcept;
  ~listening_socket();

  // The next connection's descriptor. Parks.
  int accept_descriptor();
  // -1 on an error.
  int accept_descriptor(std::error_code& error);

  // "listener on 127.0.0.1:80"
  static std::string describe(int fd);

 private:
  class pauses;
  std::int64_t next_connection(const descriptor_use& use);

  std::shared_ptr<pauses> pauses_;  // null: a shortage is an error
};

// Throws std::system_error (EINVAL, ENOTSOCK) unless the descriptor is a listening socket of one of the two families; closes it then.
void check_listener(int fd, int family, int other_family);

}  // namespace weft::io::detail
