#include <weft/io/detail/transfer.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <numeric>

#include <weft/io/detail/open_descriptor.hpp>
#include <weft/scheduler/cancel.hpp>

namespace weft::io::detail {

namespace {

using vectors = std::span<const iovec>;

// What tells the two directions apart.
struct direction {
  opcode code;
  short event;
  std::int64_t (*now)(int, vectors, std::int64_t) noexcept;
  std::int64_t (*blocking)(int, vectors, std::int64_t) noexcept;
};
constexpr direction reading{opcode::read, POLLIN, &read_now, &read_blocking};
constexpr direction writing{opcode::write, POLLOUT, &write_now, &write_blocking};

// The system takes no more in one call.
vectors clamp(vectors buffers) noexcept { return buffers.first(std::min<std::size_t>(buffers.size(), IOV_MAX)); }

std::size_t size_of(vectors buffers) noexcept {
  return std::accumulate(buffers.begin(), buffers.end(), std::size_t{0},
                         [](std::size_t sum, const iovec& v) { return sum + v.iov_len; });
}

// A descriptor set to O_NONBLOCK, perhaps by another process that shares it, makes the rings of some kernels answer EAGAIN.
template <class Attempt>
std::int64_t until_ready(int fd, short event, open_descriptor* user, Attempt attempt) {
  for (;;) {
    const std::int64_t result = attempt();
    if (result != -EAGAIN) return result;
    if (const std::int64_t ready = wait_ready(fd, event, user); ready < 0) return ready;
  }
}

// The position of a file whose operation goes on in two steps. io_uring (seen on Linux 6.18) leaves it where it was when the first step has moved some
// bytes and the second fails, on a full disk or by a cancellation: the next write would be over what was just written.
class file_position {
 public:
  explicit file_position(int fd) noexcept : fd_(fd), before_(position_of(fd)) {}
  void has_moved(std::int64_t bytes) const noexcept {
    if (before_ >= 0 && bytes > 0 && position_of(fd_) == before_) set_position(fd_, before_ + bytes);
  }

 private:
  int fd_;
  std::int64_t before_;
};

// What knows of no attempt that does not wait, such as a terminal, is for a thread that may block: a ring that sees it ready tries on the worker's own, and a
// terminal with room for one byte then keeps it until all is written.
std::int64_t wait_for(const direction& d, int fd, vectors buffers, std::int64_t offset, short_count policy,
                      open_descriptor* user, bool needs_thread = false) {
  operation op(d.code, fd);
  op.data = const_cast<iovec*>(buffers.data());
  op.size = static_cast<std::uint32_t>(buffers.size());
  op.offset = offset;
  op.needs_thread = needs_thread;
  const auto attempt = [&] { return until_ready(fd, d.event, user, [&] { return perform(op, user); }); };
  if (offset >= 0 || policy == short_count::is_enough) return attempt();
  const file_position position(fd);
  const std::int64_t result = attempt();
  position.has_moved(result);
  return result;
}

// What was transferred already must be reported, whatever becomes of the rest. A cancellation shows again at the next call.
std::int64_t add_rest(const direction& d, int fd, vectors buffers, std::int64_t done, std::int64_t offset,
                      open_descriptor* user) {
  const std::vector<iovec> rest = without_first(buffers, static_cast<std::size_t>(done));
  if (rest.empty()) return done;
  try {
    return done + std::max<std::int64_t>(
                      0, wait_for(d, fd, rest, offset < 0 ? offset : offset + done, short_count::means_end, user));
  } catch (const cancelled&) {
    return done;
  }
}

// Direct I/O: an attempt that must not wait for memory or locks waits for the disk all the same. Of a descriptor of ours that was asked once.
bool is_never_at_once(int fd, short_count policy, const open_descriptor* user) noexcept {
  if (user != nullptr) return !user->data_expected();
  return policy != short_count::is_enough && is_direct(fd);
}

std::int64_t transfer(const direction& d, int fd, vectors all, std::int64_t offset, short_count policy,
                      open_descriptor* user) {
  const vectors buffers = clamp(all);
  engine* e = begin_call();
  if (e == nullptr) return d.blocking(fd, buffers, offset);
  if (is_never_at_once(fd, policy, user)) return wait_for(d, fd, buffers, offset, policy, user);
  const std::int64_t done = d.now(fd, buffers, offset);
  if (done == -EAGAIN || done == -EOPNOTSUPP)
    return wait_for(d, fd, buffers, offset, policy, user, done == -EOPNOTSUPP);
  if (done < 0) return done;
  e->count_inline();
  if (done == 0 || policy == short_count::is_enough || static_cast<std::size_t>(done) == size_of(buffers)) return done;
  if (policy == short_count::look_at_file && !is_regular_file(fd)) return done;
  return add_rest(d, fd, buffers, done, offset, user);
}

// An engine may have set the listener not to block.
std::int64_t accept_on_thread(int fd) noexcept {
  for (;;) {
    const std::int64_t result = accept_blocking(fd);
    if (result != -EAGAIN) return result;
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    poll_blocking({&ready, 1}, std::chrono::nanoseconds(-1));
  }
}

std::span<std::byte> bytes_of(const iovec& v) noexcept { return {static_cast<std::byte*>(v.iov_base), v.iov_len}; }

// The length that fits an operation; callers of stream functions expect short counts.
std::uint32_t clamp_size(std::size_t size) noexcept {
  return static_cast<std::uint32_t>(std::min<std::size_t>(size, 1U << 30));
}

}  // namespace

std::vector<iovec> without_first(vectors buffers, std::size_t bytes) {
  std::vector<iovec> rest;
  for (const iovec& v : buffers) {
    const std::size_t skipped = std::min(bytes, v.iov_len);
    bytes -= skipped;
    if (skipped < v.iov_len) rest.push_back({static_cast<char*>(v.iov_base) + skipped, v.iov_len - skipped});
  }
  return rest;
}

std::int64_t read(int fd, vectors buffers, std::int64_t offset, short_count policy, open_descriptor* user) {
  return transfer(reading, fd, buffers, offset, policy, user);
}

std::int64_t write(int fd, vectors buffers, std::int64_t offset, short_count policy, open_descriptor* user) {
  return transfer(writing, fd, buffers, offset, policy, user);
}

// Who asks and answers by turns finds nothing when he reads, so that the attempt would be wasted; who gets a full buffer may well
// find more.
std::int64_t receive_some(int fd, std::span<std::byte> buffer, open_descriptor* user) {
  engine* e = begin_call();
  if (e == nullptr) return receive(fd, buffer, 0);
  operation op(opcode::receive, fd);
  if (user->data_expected() || buffer.empty()) {
    const std::int64_t received = receive(fd, buffer, MSG_DONTWAIT);
    if (received != -EAGAIN) {
      e->count_inline();
      return received;
    }
    op.expected_to_wait = true;
  }
  op.data = buffer.data();
  op.size = clamp_size(buffer.size());
  const std::int64_t received = until_ready(fd, POLLIN, user, [&] { return perform(op, user); });
  user->expect_data(received == static_cast<std::int64_t>(op.size));
  return received;
}

std::int64_t send_some(int fd, std::span<const std::byte> buffer, open_descriptor* user) {
  engine* e = begin_call();
  if (e == nullptr) return send(fd, buffer, MSG_NOSIGNAL);
  operation op(opcode::send, fd);
  if (!e->is_crowded()) {
    const std::int64_t sent = send(fd, buffer, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent != -EAGAIN) {
      e->count_inline();
      return sent;
    }
    op.expected_to_wait = true;
  }
  op.data = const_cast<std::byte*>(buffer.data());
  op.size = clamp_size(buffer.size());
  op.flags = MSG_NOSIGNAL;
  return until_ready(fd, POLLOUT, user, [&] { return perform(op, user); });
}

std::int64_t receive_vectors(int fd, vectors all, open_descriptor* user) {
  const vectors buffers = clamp(all);
  if (buffers.size() == 1) return receive_some(fd, bytes_of(buffers[0]), user);
  engine* e = begin_call();
  if (e == nullptr) return receive_message(fd, buffers, 0);
  e->count_inline();
  return until_ready(fd, POLLIN, user, [&] { return receive_message(fd, buffers, MSG_DONTWAIT); });
}

std::int64_t send_vectors(int fd, vectors all, open_descriptor* user) {
  const vectors buffers = clamp(all);
  if (buffers.size() == 1) return send_some(fd, bytes_of(buffers[0]), user);
  engine* e = begin_call();
  if (e == nullptr) return send_message(fd, buffers, MSG_NOSIGNAL);
  e->count_inline();
  return until_ready(fd, POLLOUT, user, [&] { return send_message(fd, buffers, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

std::int64_t accept_one(int fd, open_descriptor* user) {
  if (begin_call() == nullptr) return accept_on_thread(fd);
  operation op(opcode::accept, fd);
  op.flags = SOCK_CLOEXEC;
  op.may_set_nonblocking = user != nullptr;
  return until_ready(fd, POLLIN, user, [&] { return perform(op, user); });
}

std::int64_t connect(int fd, const sockaddr* where, socklen_t size, open_descriptor* user) {
  if (begin_call() == nullptr) return connect_blocking(fd, where, size);
  operation op(opcode::connect, fd);
  op.data = const_cast<sockaddr*>(where);
  op.size = size;
  return perform(op, user);
}

// io_uring's own first attempt would set O_NONBLOCK, and so not wait for the other end of a named pipe.
std::int64_t open_file(const char* path, int flags, unsigned permissions) {
  if (begin_call() == nullptr) return open_blocking(path, flags, permissions);
  operation op(opcode::open, AT_FDCWD);
  op.data = const_cast<char*>(path);
  op.size = permissions;
  op.flags = static_cast<std::uint32_t>(flags);
  op.needs_thread = true;
  return perform(op);
}

std::int64_t sync(int fd, bool data_only, open_descriptor* user) {
  if (begin_call() == nullptr) return sync_blocking(fd, data_only);
  operation op(opcode::sync, fd);
  op.flags = data_only ? 1 : 0;
  return perform(op, user);
}

std::int64_t wait_ready(int fd, short events, open_descriptor* user) {
  operation op(opcode::poll, fd);
  op.flags = static_cast<std::uint16_t>(events);
  return perform(op, user);
}

}  // namespace weft::io::detail
