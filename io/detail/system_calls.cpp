#include <weft/io/detail/system_calls.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <numeric>
#include <vector>

#include <weft/io/detail/fault_point.hpp>

namespace weft::io::detail {

namespace {

template <class Call>
std::int64_t repeat(Call call) noexcept {
  for (;;) {
    const std::int64_t result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}

int count(std::span<const iovec> buffers) noexcept { return static_cast<int>(buffers.size()); }

// The buffers of a call that a simulation may have fail or fall short.
class faulty_buffers {
 public:
  faulty_buffers(faulty_call call, int fd, std::span<const iovec> buffers) : buffers_(buffers) {
    if (fault_sources.load(std::memory_order_relaxed) != 0) [[unlikely]]
      ask(call, fd);
  }
  // Negative: the call is not to be made.
  [[nodiscard]] std::int64_t result() const noexcept { return fault_.result; }
  [[nodiscard]] std::span<const iovec> get() const noexcept { return buffers_; }

 private:
  [[gnu::noinline]] void ask(faulty_call call, int fd) {
    const std::size_t all = std::accumulate(buffers_.begin(), buffers_.end(), std::size_t{0},
                                            [](std::size_t sum, const iovec& v) { return sum + v.iov_len; });
    fault_ = fault_before(call, fd, all);
    if (fault_.most >= all) return;
    std::size_t left = fault_.most;
    for (const iovec& v : buffers_) {
      cut_.push_back({v.iov_base, std::min(left, v.iov_len)});
      left -= cut_.back().iov_len;
      if (left == 0) break;
    }
    buffers_ = cut_;
  }

  std::span<const iovec> buffers_;
  fault fault_;
  std::vector<iovec> cut_;
};

// The same for one buffer.
template <class Byte, class Call>
std::int64_t with_faults(faulty_call kind, int fd, std::span<Byte> b, Call call) noexcept {
  const fault f = fault_before(kind, fd, b.size());
  return f.result < 0 ? f.result : call(b.first(std::min(b.size(), f.most)));
}

template <class Call>
std::int64_t with_faults(faulty_call kind, int fd, std::span<const iovec> b, Call call) noexcept {
  const faulty_buffers buffers(kind, fd, b);
  return buffers.result() < 0 ? buffers.result() : call(buffers.get());
}

msghdr message_of(std::span<const iovec> buffers) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(buffers.data());
  message.msg_iovlen = buffers.size();
  return message;
}

}  // namespace

[[gnu::noinline]] std::int64_t read_now(int fd, std::span<const iovec> b, std::int64_t offset) noexcept {
  return with_faults(faulty_call::read, fd, b, [&](std::span<const iovec> v) noexcept {
    return repeat([&] { return ::preadv2(fd, v.data(), count(v), offset, RWF_NOWAIT); });
  });
}

// RWF_NOWAIT is for pipes and regular files; sockets know it as well.
[[gnu::noinline]] std::int64_t write_now(int fd, std::span<const iovec> b, std::int64_t offset) noexcept {
  return with_faults(faulty_call::write, fd, b, [&](std::span<const iovec> v) noexcept {
    return repeat([&] { return ::pwritev2(fd, v.data(), count(v), offset, RWF_NOWAIT); });
  });
}

[[gnu::noinline]] std::int64_t read_blocking(int fd, std::span<const iovec> b, std::int64_t offset) noexcept {
  return repeat([&] { return ::preadv2(fd, b.data(), count(b), offset, 0); });
}

[[gnu::noinline]] std::int64_t write_blocking(int fd, std::span<const iovec> b, std::int64_t offset) noexcept {
  return repeat([&] { return ::pwritev2(fd, b.data(), count(b), offset, 0); });
}

[[gnu::noinline]] std::int64_t receive(int fd, std::span<std::byte> b, int flags) noexcept {
  return with_faults(faulty_call::receive, fd, b, [&](std::span<std::byte> part) noexcept {
    return repeat([&] { return ::recv(fd, part.data(), part.size(), flags); });
  });
}

[[gnu::noinline]] std::int64_t send(int fd, std::span<const std::byte> b, int flags) noexcept {
  return with_faults(faulty_call::send, fd, b, [&](std::span<const std::byte> part) noexcept {
    return repeat([&] { return ::send(fd, part.data(), part.size(), flags); });
  });
}

[[gnu::noinline]] std::int64_t receive_message(int fd, std::span<const iovec> b, int flags) noexcept {
  return with_faults(faulty_call::receive, fd, b, [&](std::span<const iovec> v) noexcept {
    msghdr message = message_of(v);
    return repeat([&] { return ::recvmsg(fd, &message, flags); });
  });
}

[[gnu::noinline]] std::int64_t send_message(int fd, std::span<const iovec> b, int flags) noexcept {
  return with_faults(faulty_call::send, fd, b, [&](std::span<const iovec> v) noexcept {
    const msghdr message = message_of(v);
    return repeat([&] { return ::sendmsg(fd, &message, flags); });
  });
}

[[gnu::noinline]] std::int64_t accept_blocking(int fd, int flags) noexcept {
  return repeat([&] { return ::accept4(fd, nullptr, nullptr, flags); });
}

// An interrupted connect goes on by itself, and the next call would say EALREADY; that of a Unix socket has not begun.
[[gnu::noinline]] std::int64_t connect_blocking(int fd, const sockaddr* where, socklen_t size) noexcept {
  if (where->sa_family == AF_UNIX) return repeat([&] { return ::connect(fd, where, size); });
  if (::connect(fd, where, size) == 0) return 0;
  if (errno != EINTR) return -errno;
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  if (const std::int64_t r = repeat([&] { return ::poll(&ready, 1, -1); }); r < 0) return r;
  return socket_error(fd);
}

[[gnu::noinline]] std::int64_t connect_now(int fd, const sockaddr* where, socklen_t size) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return -errno;
  const std::int64_t result = ::connect(fd, where, size) == 0 ? 0 : -errno;
  ::fcntl(fd, F_SETFL, flags);
  return result;
}

[[gnu::noinline]] std::int64_t socket_error(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
  return -error;
}

[[gnu::noinline]] std::int64_t check_listening(int fd) noexcept {
  int listening = 0;
  socklen_t length = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) return -errno;
  return listening != 0 ? 0 : -EINVAL;
}

[[gnu::noinline]] bool is_nonblocking(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

[[gnu::noinline]] bool is_direct(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_DIRECT) != 0;
}

[[gnu::noinline]] bool set_nonblocking(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ((flags & O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

[[gnu::noinline]] std::int64_t open_blocking(const char* path, int flags, unsigned permissions) noexcept {
  return repeat([&] { return ::open(path, flags, permissions); });
}

[[gnu::noinline]] std::int64_t sync_blocking(int fd, bool data_only) noexcept {
  return repeat([&] { return data_only ? ::fdatasync(fd) : ::fsync(fd); });
}

[[gnu::noinline]] std::int64_t poll_blocking(std::span<pollfd> what, std::chrono::nanoseconds limit) noexcept {
  const timespec time{.tv_sec = static_cast<time_t>(limit.count() / 1'000'000'000),
                      .tv_nsec = static_cast<long>(limit.count() % 1'000'000'000)};
  for (;;) {
    const int ready = ::ppoll(what.data(), what.size(), limit.count() < 0 ? nullptr : &time, nullptr);
    if (ready >= 0) return ready;
    if (errno != EINTR || limit.count() != 0) return -errno;
  }
}

[[gnu::noinline]] int close_now(int fd) noexcept {
  if (::close(fd) == 0 || errno == EINTR) return 0;
  return -errno;
}

[[gnu::noinline]] bool is_regular_file(int fd) noexcept {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

[[gnu::noinline]] std::int64_t file_size(int fd) noexcept {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? status.st_size : -errno;
}

[[gnu::noinline]] std::int64_t position_of(int fd) noexcept {
  const off_t position = ::lseek(fd, 0, SEEK_CUR);
  return position >= 0 ? position : -errno;
}

[[gnu::noinline]] void set_position(int fd, std::int64_t position) noexcept { ::lseek(fd, position, SEEK_SET); }

}  // namespace weft::io::detail
