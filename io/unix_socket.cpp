#include <weft/io/unix_socket.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <weft/io/detail/message.hpp>
#include <weft/io/detail/report.hpp>
#include <weft/io/detail/socket_calls.hpp>
#include <weft/io/detail/socket_file.hpp>
#include <weft/io/detail/transfer.hpp>

namespace weft::io {

namespace {

using detail::datagram_place;
using detail::descriptor_handle;
using detail::descriptor_use;
using detail::path_state;
using detail::socket_name;

// The kernel's limit for one message (SCM_MAX_FD).
constexpr std::size_t most_descriptors = 253;

// Where descriptors stand beside a message.
struct alignas(cmsghdr) control_data {
  std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))> bytes;
};

[[noreturn]] void fail(std::int64_t result, const std::string& what) {
  throw std::system_error(static_cast<int>(-result), std::generic_category(), "weft::io: cannot " + what);
}

int check(std::int64_t result, const char* action, const unix_address& where, const char* remedy = "") {
  if (result < 0) fail(result, action + (" " + where.to_string()) + remedy);
  return static_cast<int>(result);
}

unix_address own_address(const descriptor_use& use) {
  socket_name name;
  use.check(detail::find_own_name(use.fd(), name));
  return {name.data(), name.size};
}

unix_address peer_address_of(const descriptor_use& use) {
  socket_name name;
  use.check(detail::find_peer_name(use.fd(), name));
  return {name.data(), name.size};
}

const char* remedy_for_connect(std::int64_t result, const unix_address& where) noexcept {
  if (result == -ECONNREFUSED && where.is_path())
    return " (nobody listens: the file was left by a program that has ended)";
  if (result == -ENOENT) return " (there is no such file: is the server running?)";
  return "";
}

const char* remedy_for_bind(std::int64_t result, const unix_address& where) noexcept {
  if (result == -EACCES) return " (the folder's permissions do not allow it)";
  if (result == -ENOENT) return " (its folder is not there)";
  if (result != -EADDRINUSE) return "";
  if (!where.is_path()) return " (another socket has that name: stop its owner)";
  switch (detail::look_at(where)) {
    case path_state::in_use:
      return " (another program listens there: stop it, or use another path)";
    case path_state::stale_socket:
      return " (its file was left by a program that has ended: remove it, or set replace_stale)";
    case path_state::no_socket:
      return " (a file that is no socket has that name: use another path)";
    case path_state::free:
    case path_state::unknown:
      break;
  }
  return " (something of that name is there already)";
}

void bind_or_throw(int fd, const unix_address& where, const char* action, bool replace_stale) {
  std::int64_t bound = detail::bind_to(fd, where.data(), where.size());
  if (bound == -EADDRINUSE && replace_stale && where.is_path() && detail::look_at(where) == path_state::stale_socket) {
    detail::remove_file(where);
    bound = detail::bind_to(fd, where.data(), where.size());
  }
  if (bound < 0) check(bound, action, where, remedy_for_bind(bound, where));
}

std::string describe_datagram(int fd) { return "Unix datagram socket " + detail::own_name_of(fd); }

[[gnu::noinline]] std::int64_t find_credentials(int fd, ucred& found) noexcept {
  socklen_t size = sizeof found;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) == 0 ? 0 : -errno;
}

[[gnu::noinline]] std::int64_t make_pair(std::array<int, 2>& ends) noexcept {
  return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0 ? 0 : -errno;
}

void put_descriptors(msghdr& message, control_data& control, std::span<const int> descriptors) noexcept {
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(head), descriptors.data(), descriptors.size_bytes());
}

// They have an owner before anything can fail.
std::vector<unique_descriptor> take_descriptors(msghdr& message) {
  std::array<unique_descriptor, most_descriptors> found;
  std::size_t count = 0;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t here = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < here && count < found.size(); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
      found[count++].reset(fd);
    }
  }
  return {std::move_iterator(found.begin()), std::move_iterator(found.begin() + static_cast<std::ptrdiff_t>(count))};
}

received_from_unix from_place(const datagram_place& place) {
  return {{place.result}, unix_address(place.from.data(), place.from.size)};
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- unix_stream

unix_stream unix_stream::connect(const unix_address& peer) {
  unix_stream stream(check(detail::make_socket(AF_UNIX, SOCK_STREAM), "make a socket for", peer));
  const descriptor_use use(stream.descriptor_, "connect");
  const std::int64_t result = detail::connect(use.fd(), peer.data(), peer.size(), use.target());
  check(result, "connect to", peer, remedy_for_connect(result, peer));
  return stream;
}

unix_stream unix_stream::connect(const unix_address& peer, std::error_code& error) {
  const auto fd = static_cast<int>(detail::report(detail::make_socket(AF_UNIX, SOCK_STREAM), error));
  if (error) return {};
  unix_stream stream(fd);
  const descriptor_use use(stream.descriptor_, error);
  detail::report(detail::connect(use.fd(), peer.data(), peer.size(), use.target()), error);
  return error ? unix_stream() : std::move(stream);
}

void unix_stream::send_descriptors(std::span<const int> descriptors, std::span<const std::byte> data) {
  const descriptor_use use(descriptor_, "send descriptors over");
  if (data.empty() || descriptors.size() > most_descriptors) use.fail(EINVAL);
  iovec whole{const_cast<std::byte*>(data.data()), data.size()};
  msghdr message{};
  message.msg_iov = &whole;
  message.msg_iovlen = 1;
  control_data control{};
  if (!descriptors.empty()) put_descriptors(message, control, descriptors);
  const std::int64_t sent = use.check(detail::send_message(use.fd(), message, use.target()));
  write_all(data.subspan(static_cast<std::size_t>(sent)));
}

received_descriptors unix_stream::receive_descriptors(std::span<std::byte> buffer) {
  const descriptor_use use(descriptor_, "receive descriptors from");
  if (buffer.empty()) use.fail(EINVAL);
  iovec whole{buffer.data(), buffer.size()};
  control_data control{};
  msghdr message{};
  message.msg_iov = &whole;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const std::int64_t size = use.check(detail::receive_message(use.fd(), message, use.target()));
  return {.size = static_cast<std::size_t>(size),
          .descriptors = take_descriptors(message),
          .some_lost = (message.msg_flags & MSG_CTRUNC) != 0};
}

peer_credentials unix_stream::credentials() const {
  const descriptor_use use(descriptor_, "find the owner of the peer of");
  ucred found{};
  use.check(find_credentials(use.fd(), found));
  return {.process = found.pid, .user = found.uid, .group = found.gid};
}

unix_address unix_stream::peer_address() const {
  return peer_address_of(descriptor_use(descriptor_, "find the peer of"));
}

unix_address unix_stream::local_address() const {
  return own_address(descriptor_use(descriptor_, "find the address of"));
}

std::pair<unix_stream, unix_stream> make_socket_pair() {
  std::array<int, 2> ends{};
  if (const std::int64_t result = make_pair(ends); result < 0) fail(result, "make a pair of sockets");
  unique_descriptor second(ends[1]);
  unix_stream first = unix_stream::adopt(ends[0]);
  return {std::move(first), unix_stream::adopt(second.release())};
}

// ---------------------------------------------------------------------------------------------------- unix_listener

unix_listener::unix_listener() = default;
unix_listener::unix_listener(unix_listener&& other) noexcept = default;
unix_listener& unix_listener::operator=(unix_listener&& other) noexcept = default;
unix_listener::~unix_listener() = default;

unix_listener::unix_listener(int fd, const shortage_options& shortage) : listening_socket(fd, shortage) {}

unix_listener::unix_listener(const unix_address& where, const unix_listen_options& options)
    : unix_listener(check(detail::make_socket(AF_UNIX, SOCK_STREAM), "make a socket for", where), options.shortage) {
  bind_or_throw(native_handle(), where, "listen on", options.replace_stale);
  file_ = detail::socket_file::of(where);
  check(detail::listen_on(native_handle(), options.backlog), "listen on", where);
}

unix_listener unix_listener::adopt(int fd, const shortage_options& shortage) {
  detail::check_listener(fd, AF_UNIX, AF_UNIX);
  return {fd, shortage};
}

unix_stream unix_listener::accept() { return unix_stream(accept_descriptor()); }

unix_stream unix_listener::accept(std::error_code& error) {
  const int fd = accept_descriptor(error);
  return fd < 0 ? unix_stream() : unix_stream(fd);
}

unix_address unix_listener::local_address() const {
  return own_address(descriptor_use(descriptor_, "find the address of"));
}

void unix_listener::close() {
  if (file_ != nullptr) file_->remove();
  listening_socket::close();
}

// ---------------------------------------------------------------------------------------------------- unix_datagram

unix_datagram::unix_datagram() = default;
unix_datagram::unix_datagram(unix_datagram&& other) noexcept = default;
unix_datagram& unix_datagram::operator=(unix_datagram&& other) noexcept = default;
unix_datagram::~unix_datagram() = default;

unix_datagram::unix_datagram(int fd) : datagram_socket(descriptor_handle(fd, &describe_datagram)) {}

unix_datagram::unix_datagram(const unix_address& where)
    : unix_datagram(check(detail::make_socket(AF_UNIX, SOCK_DGRAM), "make a datagram socket for", where)) {
  bind_or_throw(native_handle(), where, "bind a datagram socket to", false);
  file_ = detail::socket_file::of(where);
}

unix_datagram unix_datagram::connect(const unix_address& peer) {
  unix_datagram socket(check(detail::make_socket(AF_UNIX, SOCK_DGRAM), "make a datagram socket for", peer));
  socket.set_peer(peer);
  return socket;
}

void unix_datagram::set_peer(const unix_address& peer) {
  const descriptor_use use(descriptor_, "connect");
  const std::int64_t result = detail::set_peer(use.fd(), peer.data(), peer.size());
  check(result, "connect a datagram socket to", peer, remedy_for_connect(result, peer));
}

void unix_datagram::send_to(std::span<const std::byte> data, const unix_address& to) {
  send_one({.data = data, .to = to.data(), .to_size = to.size()});
}

void unix_datagram::send_to(std::span<const std::byte> data, const unix_address& to, std::error_code& error) {
  send_one({.data = data, .to = to.data(), .to_size = to.size()}, error);
}

received_from_unix unix_datagram::receive_from(std::span<std::byte> buffer) {
  datagram_place place{.buffer = buffer, .result = {}, .from = {}};
  receive_one(place);
  return from_place(place);
}

received_from_unix unix_datagram::receive_from(std::span<std::byte> buffer, std::error_code& error) {
  datagram_place place{.buffer = buffer, .result = {}, .from = {}};
  receive_one(place, error);
  return error ? received_from_unix() : from_place(place);
}

unix_address unix_datagram::peer_address() const {
  return peer_address_of(descriptor_use(descriptor_, "find the peer of"));
}

unix_address unix_datagram::local_address() const {
  return own_address(descriptor_use(descriptor_, "find the address of"));
}

void unix_datagram::close() {
  if (file_ != nullptr) file_->remove();
  datagram_socket::close();
}

}  // namespace weft::io
