#include <weft/io/detail/datagram_socket.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <weft/io/detail/message.hpp>
#include <weft/io/detail/report.hpp>
#include <weft/scheduler/cancel.hpp>

namespace weft::io::detail {

namespace {

// So many go through the kernel in one call; their headers stand on the stack.
constexpr std::size_t most_in_a_row = 32;

iovec vector_of(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

void fill(msghdr& header, iovec& vector, const datagram_to_send& d) noexcept {
  vector = vector_of(d.data);
  header = {};
  header.msg_name = const_cast<sockaddr*>(d.to);
  header.msg_namelen = d.to_size;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
}

void fill(msghdr& header, iovec& vector, datagram_place& p) noexcept {
  vector = vector_of(p.buffer);
  header = {};
  header.msg_name = p.from.data();
  header.msg_namelen = sizeof p.from.storage;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
}

void take(const msghdr& header, std::size_t size, datagram_place& p) noexcept {
  p.result = {.size = size, .truncated = (header.msg_flags & MSG_TRUNC) != 0};
  p.from.size = header.msg_namelen;
}

std::int64_t send_to(const descriptor_use& use, const datagram_to_send& d) {
  msghdr header;
  iovec vector;
  fill(header, vector, d);
  return send_message(use.fd(), header, use.target());
}

std::int64_t receive_into(const descriptor_use& use, datagram_place& p) {
  msghdr header;
  iovec vector;
  fill(header, vector, p);
  const std::int64_t size = receive_message(use.fd(), header, use.target());
  if (size >= 0) take(header, static_cast<std::size_t>(size), p);
  return size;
}

const char* remedy_for(std::int64_t result) noexcept {
  switch (-result) {
    case EMSGSIZE:
      return " (too large for one datagram: UDP carries 65,507 bytes over IPv4; a local socket what its send buffer "
             "holds)";
    case EACCES:
      return " (to send to a broadcast address a socket needs udp_options::broadcast)";
    case EDESTADDRREQ:
    case ENOTCONN:
      return " (the socket is connected to nobody: connect() it, or use send_to())";
    default:
      return "";
  }
}

[[noreturn]] void fail_to_send(const descriptor_use& use, std::int64_t result, std::size_t size) {
  const std::string remedy = remedy_for(result);
  if (remedy.empty()) use.fail(static_cast<int>(-result));
  throw std::system_error(
      static_cast<int>(-result), std::generic_category(),
      "weft::io: cannot send " + std::to_string(size) + " bytes from " + use.target()->describe() + remedy);
}

}  // namespace

void datagram_socket::send_one(const datagram_to_send& datagram) {
  const descriptor_use use(descriptor_, "send from");
  if (const std::int64_t result = send_to(use, datagram); result < 0) fail_to_send(use, result, datagram.data.size());
}

void datagram_socket::send_one(const datagram_to_send& datagram, std::error_code& error) {
  const descriptor_use use(descriptor_, error);
  if (use) report(send_to(use, datagram), error);
}

void datagram_socket::receive_one(datagram_place& place) {
  const descriptor_use use(descriptor_, "receive from");
  use.check(receive_into(use, place));
}

void datagram_socket::receive_one(datagram_place& place, std::error_code& error) {
  const descriptor_use use(descriptor_, error);
  if (use) report(receive_into(use, place), error);
}

void datagram_socket::send(std::span<const std::byte> data) { send_one({.data = data}); }
void datagram_socket::send(std::span<const std::byte> data, std::error_code& error) { send_one({.data = data}, error); }

received datagram_socket::receive(std::span<std::byte> buffer) {
  datagram_place place{.buffer = buffer, .result = {}, .from = {}};
  receive_one(place);
  return place.result;
}

received datagram_socket::receive(std::span<std::byte> buffer, std::error_code& error) {
  datagram_place place{.buffer = buffer, .result = {}, .from = {}};
  receive_one(place, error);
  return place.result;
}

// What has gone is reported, whatever becomes of the rest: an error or a cancellation shows again at the next call.
std::size_t datagram_socket::send_row(std::size_t count, const std::function<datagram_to_send(std::size_t)>& get) {
  const descriptor_use use(descriptor_, "send from");
  std::array<mmsghdr, most_in_a_row> headers;
  std::array<iovec, most_in_a_row> vectors;
  std::size_t done = 0;
  while (done < count) {
    const std::size_t n = std::min(count - done, most_in_a_row);
    for (std::size_t i = 0; i < n; ++i) fill(headers[i].msg_hdr, vectors[i], get(done + i));
    std::int64_t went = 0;
    try {
      went = send_messages(use.fd(), std::span(headers).first(n), use.target());
    } catch (const cancelled&) {
      if (done == 0) throw;
      return done;
    }
    if (went < 0 && done == 0) fail_to_send(use, went, get(0).data.size());
    if (went < 0) return done;
    done += static_cast<std::size_t>(went);
  }
  return done;
}

std::size_t datagram_socket::receive_row(std::size_t count,
                                         const std::function<std::span<std::byte>(std::size_t)>& buffer,
                                         const std::function<void(std::size_t, const datagram_place&)>& put) {
  const descriptor_use use(descriptor_, "receive from");
  std::array<mmsghdr, most_in_a_row> headers;
  std::array<iovec, most_in_a_row> vectors;
  std::array<datagram_place, most_in_a_row> places;
  const std::size_t n = std::min(count, most_in_a_row);
  if (n == 0) return 0;
  for (std::size_t i = 0; i < n; ++i) {
    places[i].buffer = buffer(i);
    fill(headers[i].msg_hdr, vectors[i], places[i]);
  }
  const auto came =
      static_cast<std::size_t>(use.check(receive_messages(use.fd(), std::span(headers).first(n), use.target())));
  for (std::size_t i = 0; i < came; ++i) {
    take(headers[i].msg_hdr, headers[i].msg_len, places[i]);
    put(i, places[i]);
  }
  return came;
}

}  // namespace weft::io::detail
