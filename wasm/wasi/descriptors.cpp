#include <weft/wasm/wasi/descriptors.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <weft/io/descriptor.hpp>
#include <weft/wasm/detail/limit.hpp>

namespace weft::wasm::wasi {

namespace {

constexpr std::size_t most_descriptors = 65'536;

rights rights_of(const descriptor& d) noexcept {
  switch (d.type) {
    case file_type::regular_file:
    case file_type::block_device:
      return right::of_file;
    case file_type::directory:
      return right::of_directory;
    case file_type::socket_stream:
    case file_type::socket_datagram:
      return right::of_socket;
    case file_type::character_device:
      // Programs take a character device without these for a terminal.
      return ::isatty(d.fd) != 0 ? right::of_stream : right::of_stream | right::fd_seek | right::fd_tell;
    default:
      return right::of_stream;
  }
}

file_type socket_type(int fd) noexcept {
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_DGRAM)
    return file_type::socket_datagram;
  return file_type::socket_stream;
}

rights without_what_is_not_open(int fd, rights granted) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return granted;
  if ((flags & O_ACCMODE) == O_RDONLY) return granted & ~right::writing;
  if ((flags & O_ACCMODE) == O_WRONLY) return granted & ~right::fd_read;
  return granted;
}

}  // namespace

bool descriptor::would_block(short events) const noexcept {
  if (!has_flag(fdflag::nonblock)) return false;
  pollfd p{.fd = fd, .events = events, .revents = 0};
  return io::poll_now({&p, 1}) == 0;
}

int classify(descriptor& d) noexcept {
  struct stat status = {};
  if (::fstat(d.fd, &status) != 0) return errno;
  d.type = type_of_mode(status.st_mode);
  if (d.type == file_type::socket_stream) d.type = socket_type(d.fd);
  d.base = rights_of(d);
  if (!d.is_directory() && !d.is_socket()) d.base = without_what_is_not_open(d.fd, d.base);
  d.inheriting = d.is_directory() ? right::all : 0;
  return 0;
}

descriptor* descriptor_table::find(fd_number fd) noexcept {
  return fd < slots_.size() && slots_[fd] ? slots_[fd].get() : nullptr;
}

descriptor& descriptor_table::at(fd_number fd) {
  descriptor* d = find(fd);
  if (d == nullptr) throw failure{errc::badf};
  return *d;
}

descriptor& descriptor_table::at(fd_number fd, rights wanted) {
  descriptor& d = at(fd);
  d.require(wanted);
  return d;
}

descriptor& descriptor_table::directory_at(fd_number fd, rights wanted) {
  descriptor& d = at(fd);
  if (!d.is_directory()) throw failure{errc::notdir};
  d.require(wanted);
  return d;
}

fd_number descriptor_table::insert(descriptor d) {
  if (limit_ != 0) {
    const auto open = slots_.size() - static_cast<std::size_t>(std::count(slots_.begin(), slots_.end(), nullptr));
    if (open >= limit_) throw detail::limit_passed{trap_code::descriptor_limit};
  }
  auto free = std::find(slots_.begin(), slots_.end(), nullptr);
  if (free == slots_.end()) {
    if (slots_.size() >= most_descriptors) throw failure{errc::mfile};
    free = slots_.insert(slots_.end(), nullptr);
  }
  *free = std::make_unique<descriptor>(std::move(d));
  return static_cast<fd_number>(free - slots_.begin());
}

void descriptor_table::erase(fd_number fd) {
  static_cast<void>(at(fd));
  slots_[fd].reset();
}

void descriptor_table::renumber(fd_number from, fd_number to) {
  static_cast<void>(at(from));
  static_cast<void>(at(to));
  if (from != to) slots_[to] = std::move(slots_[from]);
}

}  // namespace weft::wasm::wasi
