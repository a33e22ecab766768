#include <weft/io/detail/socket_file.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include <weft/io/detail/socket_calls.hpp>
#include <weft/io/detail/system_calls.hpp>

namespace weft::io::detail {

namespace {

[[gnu::noinline]] int look_at_file(const std::string& path, struct stat& status) noexcept {
  return ::lstat(path.c_str(), &status) == 0 ? 0 : errno;
}

// Whether somebody listens, or receives, there. A queue that is full (EAGAIN) and a socket of another kind (EPROTOTYPE) are somebody's.
bool is_served(const unix_address& where) noexcept {
  const auto fd = static_cast<int>(make_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK));
  if (fd < 0) return true;
  const std::int64_t result = set_peer(fd, where.data(), where.size());
  close_now(fd);
  return result != -ECONNREFUSED;
}

}  // namespace

path_state look_at(const unix_address& where) noexcept {
  struct stat status{};
  switch (look_at_file(where.to_string(), status)) {
    case 0:
      break;
    case ENOENT:
      return path_state::free;
    default:
      return path_state::unknown;
  }
  if (!S_ISSOCK(status.st_mode)) return path_state::no_socket;
  return is_served(where) ? path_state::in_use : path_state::stale_socket;
}

[[gnu::noinline]] std::int64_t remove_file(const unix_address& where) noexcept {
  return ::unlink(where.to_string().c_str()) == 0 ? 0 : -errno;
}

// The path is kept as an absolute one: the program may go to another folder meanwhile.
std::unique_ptr<socket_file> socket_file::of(const unix_address& where) {
  if (!where.is_path()) return nullptr;
  std::error_code ignored;
  std::string path = std::filesystem::absolute(where.to_string(), ignored).string();
  struct stat status{};
  if (look_at_file(path, status) != 0) return nullptr;
  return std::unique_ptr<socket_file>(new socket_file(std::move(path), status.st_dev, status.st_ino));
}

void socket_file::remove() noexcept {
  if (removed_.exchange(true, std::memory_order_acq_rel)) return;
  struct stat status{};
  if (look_at_file(path_, status) == 0 && status.st_dev == device_ && status.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace weft::io::detail
