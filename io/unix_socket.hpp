// Unix sockets: connections and datagrams between programs on one machine, which may also hand each other open descriptors.
//
//   weft::io::unix_listener listener{"/run/server.sock", {.replace_stale = true}};
//   weft::io::unix_stream client = listener.accept();                       // parks this fiber
//   client.send_descriptors(log.native_handle(), std::as_bytes(std::span("log")));
//
// Each call that parks is a cancellation point: it throws `cancelled` when its scope is cancelled, after the operation has ended. All throw
// std::system_error; forms with a std::error_code report the errno there instead. Outside weft's fibers the calls block the thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/io/detail/datagram_socket.hpp>
#include <weft/io/detail/listening_socket.hpp>
#include <weft/io/detail/stream_socket.hpp>
#include <weft/io/unique_descriptor.hpp>
#include <weft/io/unix_address.hpp>

namespace weft::io {

// Who is at the other end, as the kernel noted it when the connection was made.
struct peer_credentials {
  pid_t process = 0;
  uid_t user = 0;
  gid_t group = 0;
};

// What came of receive_descriptors().
struct received_descriptors {
  std::size_t size = 0;  // bytes in the buffer; 0: the peer has ended its side
  std::vector<unique_descriptor> descriptors;
  // Some that were sent did not arrive, as this process may have no more (RLIMIT_NOFILE).
  bool some_lost = false;
};

// A connection: reads and writes as detail/stream_socket.hpp says. Closed when destroyed. Move-only.
class unix_stream : public detail::stream_socket {
 public:
  // Holds no connection.
  unix_stream() = default;

  // Takes over a connected stream socket, which must be in blocking mode for best performance.
  [[nodiscard]] static unix_stream adopt(int fd) { return unix_stream(fd); }

  // Connects; parks while the listener's queue is full. The second form returns an empty stream on an error.
  [[nodiscard]] static unix_stream connect(const unix_address& peer);
  [[nodiscard]] static unix_stream connect(const unix_address& peer, std::error_code& error);

  // Sends all the data and, with its first byte, duplicates of the descriptors: the caller keeps its own. 253 at most (EINVAL), and at least
  // one byte of data must carry them (EINVAL). Parks while the system has no room. They arrive at a receive_descriptors() of the peer; a
  // read_some() there takes the data and closes them.
  void send_descriptors(std::span<const int> descriptors, std::span<const std::byte> data);
  void send_descriptors(int descriptor, std::span<const std::byte> data) { send_descriptors({&descriptor, 1}, data); }

  // Bytes as read_some(), and the descriptors that came with them, close-on-exec. Those that the caller does not take out of the result are
  // closed with it. The buffer must not be empty (EINVAL). Parks.
  [[nodiscard]] received_descriptors receive_descriptors(std::span<std::byte> buffer);

  [[nodiscard]] peer_credentials credentials() const;
  [[nodiscard]] unix_address peer_address() const;
  [[nodiscard]] unix_address local_address() const;

 private:
  explicit unix_stream(int fd) : stream_socket(fd) {}
  friend class unix_listener;
};

// Two ends that are connected to each other. Throws std::system_error. Does not park.
[[nodiscard]] std::pair<unix_stream, unix_stream> make_socket_pair();

struct unix_listen_options {
  // Connections that may wait to be accepted; the system's limit applies (net.core.somaxconn). Who connects to a full queue waits.
  int backlog = 4096;
  // A program that was killed leaves its socket's file behind, and the next one cannot have the path (EADDRINUSE). On: a file whose socket
  // nobody listens on is removed and replaced. Never one that is served, nor one that is no socket.
  bool replace_stale = false;
  shortage_options shortage = {};
};

namespace detail {
class socket_file;
}

// A socket that accepts connections; closed when destroyed, and then its file is removed. Move-only. Several fibers may accept at once. On
// the epoll engine it is set not to block (O_NONBLOCK) by the first accept(), which whoever is handed its descriptor should know.
class unix_listener : public detail::listening_socket {
 public:
  // Holds no socket.
  unix_listener();
  unix_listener(unix_listener&& other) noexcept;
  unix_listener& operator=(unix_listener&& other) noexcept;
  ~unix_listener();

  // Listens. Who may connect is for the permissions of the file, 0777 less the umask, and of its folder. Does not park.
  explicit unix_listener(const unix_address& where, const unix_listen_options& options = {});

  // Takes over a socket that listens already; its file is not removed. Throws std::system_error, and has closed it, if it does not.
  [[nodiscard]] static unix_listener adopt(int fd, const shortage_options& shortage = {});

  // The next connection. Without a descriptor for it (EMFILE or ENFILE) it stays in the queue, and the call throws unless
  // unix_listen_options::shortage says otherwise. Parks. The second form returns an empty stream on an error.
  [[nodiscard]] unix_stream accept();
  [[nodiscard]] unix_stream accept(std::error_code& error);

  [[nodiscard]] unix_address local_address() const;

  // As of every socket (detail/socket_base.hpp); the file is removed first, so that nobody connects in vain.
  void close();

 private:
  unix_listener(int fd, const shortage_options& shortage);

  std::unique_ptr<detail::socket_file> file_;
};

// As received, and the sender: without a name if it is bound to none.
struct received_from_unix : received {
  unix_address from;
};

// A socket for datagrams; closed when destroyed, and then its file is removed. Move-only. Nothing is lost: a sender waits while the receiver's
// queue is full. (One that is not connected is told by nobody that there is room: it looks again after 0.1 ms, later after 10 ms.)
class unix_datagram : public detail::datagram_socket {
 public:
  // Holds no socket.
  unix_datagram();
  unix_datagram(unix_datagram&& other) noexcept;
  unix_datagram& operator=(unix_datagram&& other) noexcept;
  ~unix_datagram();

  // Bound to an address; to one without a name ("") by an abstract name that the system chooses (see local_address). Does not park.
  explicit unix_datagram(const unix_address& where);

  // A socket with a peer, without a name of its own.
  [[nodiscard]] static unix_datagram connect(const unix_address& peer);

  // Takes over a datagram socket, which must be in blocking mode for best performance.
  [[nodiscard]] static unix_datagram adopt(int fd) { return unix_datagram(fd); }

  // From now on send() goes to this peer, and only what it sends is received. May be called again. Does not park.
  void set_peer(const unix_address& peer);

  // A datagram goes as a whole or not at all (EMSGSIZE). Parks while the receiver's queue is full.
  void send_to(std::span<const std::byte> data, const unix_address& to);
  void send_to(std::span<const std::byte> data, const unix_address& to, std::error_code& error);
  void send_to(std::string_view text, const unix_address& to) { send_to(std::as_bytes(std::span(text)), to); }

  // The next datagram and who sent it. Parks.
  received_from_unix receive_from(std::span<std::byte> buffer);
  received_from_unix receive_from(std::span<std::byte> buffer, std::error_code& error);

  [[nodiscard]] unix_address peer_address() const;
  [[nodiscard]] unix_address local_address() const;

  // As of every socket (detail/socket_base.hpp); the file is removed first.
  void close();

 private:
  explicit unix_datagram(int fd);

  std::unique_ptr<detail::socket_file> file_;
};

}  // namespace weft::io
