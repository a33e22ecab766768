// The file by which a Unix socket is found.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include <weft/io/unix_address.hpp>

namespace weft::io::detail {

// What stands at a path where a socket is to be bound.
enum class path_state : std::uint8_t {
  free,          // nothing
  no_socket,     // a file of another kind
  stale_socket,  // nobody listens any more
  in_use,
  unknown,  // permissions forbid to look
};
[[nodiscard]] path_state look_at(const unix_address& where) noexcept;

// Removes the file; a negative errno or 0.
std::int64_t remove_file(const unix_address& where) noexcept;

// Removes the file when its socket is closed, unless another has taken its place.
class socket_file {
 public:
  // Of an address that was just bound; null if that has no file. Throws std::bad_alloc.
  [[nodiscard]] static std::unique_ptr<socket_file> of(const unix_address& where);
  ~socket_file() { remove(); }
  socket_file(const socket_file&) = delete;
  socket_file& operator=(const socket_file&) = delete;

  // Once. Any thread.
  void remove() noexcept;

 private:
  socket_file(std::string path, dev_t device, ino_t inode) noexcept
      : path_(std::move(path)), device_(device), inode_(inode) {}

  const std::string path_;
  const dev_t device_;
  const ino_t inode_;
  std::atomic<bool> removed_{false};
};

}  // namespace weft::io::detail
