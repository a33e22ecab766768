// TCP over IPv4 and IPv6.
//
//   weft::io::tcp_listener listener{"127.0.0.1:7000"};
//   for (;;) {
//     weft::io::tcp_stream client = listener.accept();    // parks this fiber; the worker runs others
//     clients.spawn([client = std::move(client)]() mutable { serve(client); });
//   }
//
// Each call that parks is a cancellation point: it throws `cancelled` when its scope is cancelled, after the operation has ended, so
// that a buffer is never touched after the call; one that succeeded first returns normally. All throw std::system_error, whose
// message names the peer; forms with a std::error_code report the errno there instead. Outside weft's fibers the calls block the thread.
// To connect to a host by its name: weft/io/connect.hpp.
#pragma once

#include <chrono>
#include <system_error>

#include <weft/io/address.hpp>
#include <weft/io/detail/listening_socket.hpp>
#include <weft/io/detail/stream_socket.hpp>

namespace weft::io {

// When an idle connection is asked whether its peer is still there, and given up (ETIMEDOUT) if there is no answer.
struct keep_alive_options {
  std::chrono::seconds idle{60};      // silence before the first question, at least 1 s
  std::chrono::seconds interval{10};  // between questions
  int probes = 6;                     // questions without an answer before it is given up
};

// A connection: reads and writes as detail/stream_socket.hpp says. Closed when destroyed. Move-only.
class tcp_stream : public detail::stream_socket {
 public:
  // Holds no connection.
  tcp_stream() = default;

  // Takes over a connected stream socket (any family), which must be in blocking mode for best performance.
  [[nodiscard]] static tcp_stream adopt(int fd) { return tcp_stream(fd); }

  // Connects. Parks. The second form returns an empty stream on an error.
  [[nodiscard]] static tcp_stream connect(const address& peer);
  [[nodiscard]] static tcp_stream connect(const address& peer, std::error_code& error);

  // Small writes go out at once rather than waiting for the peer's acknowledgement of the last. Off at first. Does not park.
  void set_no_delay(bool on);

  // Off at first. Throws std::system_error (EINVAL) for times and counts that the system does not take. Does not park.
  void set_keep_alive(bool on, const keep_alive_options& options = {});

  // Closes by force: what was written and has not gone out yet is dropped, and the peer's calls report ECONNRESET. For peers that have broken
  // the rules or do not answer. Parks only if others use the connection, as close().
  void reset();

  [[nodiscard]] address peer_address() const;
  [[nodiscard]] address local_address() const;

 private:
  explicit tcp_stream(int fd) : stream_socket(fd) {}
  friend class tcp_listener;
};

struct listen_options {
  // Connections that may wait to be accepted; the system's limit applies (net.core.somaxconn).
  int backlog = 4096;
  // Lets a restarted server take its port although old connections linger.
  bool reuse_address = true;
  // Lets several listeners share the port; the kernel spreads connections over them.
  bool reuse_port = false;
  shortage_options shortage = {};
};

// A socket that accepts connections; closed when destroyed. Move-only. Several fibers may accept at once. On the epoll engine the socket is set
// not to block (O_NONBLOCK) by the first accept(), which whoever is handed its descriptor should know.
class tcp_listener : public detail::listening_socket {
 public:
  // Holds no socket.
  tcp_listener() = default;

  // Listens; with port 0 on one that the system chooses (see local_address). Does not park.
  explicit tcp_listener(const address& where, const listen_options& options = {});

  // Takes over a socket that listens already. Throws std::system_error, and has closed it, if it does not, or not for IPv4 or IPv6.
  [[nodiscard]] static tcp_listener adopt(int fd, const shortage_options& shortage = {});

  // The next connection. Those that their peer gave up meanwhile are left out; without a descriptor for it (EMFILE or ENFILE) the
  // connection stays in the queue, and the call throws unless listen_options::shortage says otherwise. Parks. The second form returns an
  // empty stream on an error.
  [[nodiscard]] tcp_stream accept();
  [[nodiscard]] tcp_stream accept(std::error_code& error);

  [[nodiscard]] address local_address() const;

 private:
  tcp_listener(int fd, const shortage_options& shortage) : listening_socket(fd, shortage) {}
};

}  // namespace weft::io
