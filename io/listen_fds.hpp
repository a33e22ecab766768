// Sockets that whoever started this program has opened for it (socket activation, as systemd and others do): the port is there before the
// program is, and stays while it restarts.
//
//   for (weft::io::passed_socket& s : weft::io::listeners_from_environment()) {
//     if (s.name == "http") http = weft::io::tcp_listener::adopt(s.descriptor.release());
//   }
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weft/io/unique_descriptor.hpp>

namespace weft::io {

enum class socket_kind : std::uint8_t {
  tcp_listener,   // for tcp_listener::adopt()
  unix_listener,  // for unix_listener::adopt()
  udp,            // for udp_socket::adopt()
  unix_datagram,  // for unix_datagram::adopt()
  other,          // a socket of another kind, or one that is connected
};

struct passed_socket {
  std::string name;  // from LISTEN_FDNAMES; "unknown" where there is none
  socket_kind kind = socket_kind::other;
  unique_descriptor descriptor;  // close-on-exec from now on; closed unless it is taken
};

// What the environment variables LISTEN_FDS (how many, from descriptor 3 on), LISTEN_PID (for whom) and LISTEN_FDNAMES (their names, with colons
// between) tell; empty if LISTEN_FDS is not set. Removes all three, also when it throws, so that no child takes them for its own and a
// second call returns nothing. Throws std::system_error (EINVAL, EBADF, ENOTSOCK) that says what is wrong: another process's number in LISTEN_PID,
// no number where one is due, a descriptor that is not open or no socket, names that do not fit. Does not park. Changes the environment: to
// be called before other threads might read it, such as at the beginning of main().
[[nodiscard]] std::vector<passed_socket> listeners_from_environment();

}  // namespace weft::io
