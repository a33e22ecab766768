// Files and directories by name, beneath the directories the guest was given.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>

#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/wasi/functions.hpp>
#include <weft/wasm/wasi/resolve.hpp>
#include <weft/wasm/wasi/status.hpp>

namespace weft::wasm::wasi {

namespace {

// Of a call on a name in a directory that was found already: EXDEV means two file systems here, not a way out.
errc result_of(int returned) noexcept { return returned == 0 ? errc::success : from_errno(errno); }

const descriptor& directory(const call& c, fd_number fd, rights wanted) {
  return c.guest.descriptors().directory_at(fd, wanted);
}

// A directory in which something is about to be changed.
const descriptor& writable(const call& c, fd_number fd, rights wanted) {
  const descriptor& d = directory(c, fd, wanted);
  if (d.read_only) throw failure{errc::rofs};
  return d;
}

// ---- opening --------------------------------------------------------------------------------------------------------

struct open_request {
  const descriptor* directory;
  std::string path;
  std::uint32_t lookup;
  std::uint32_t oflags;
  std::uint16_t fdflags;
  rights base;
  rights inheriting;
};

bool changes_something(const open_request& r) noexcept {
  const bool writes = (r.base & right::writing) != 0 && (r.oflags & oflag::directory) == 0;
  return writes || (r.oflags & (oflag::create | oflag::truncate)) != 0;
}

void require_inheriting(const open_request& r, rights wanted) {
  if ((r.directory->inheriting & wanted) != wanted) throw failure{errc::notcapable};
}

void check(const open_request& r) {
  if ((r.oflags & ~std::uint32_t{oflag::all}) != 0 || (r.fdflags & ~std::uint32_t{fdflag::all}) != 0)
    throw failure{errc::inval};
  constexpr std::uint32_t contradiction = oflag::create | oflag::directory;
  if ((r.oflags & contradiction) == contradiction) throw failure{errc::inval};
  // A directory passes on what it has to pass on, and no more.
  require_inheriting(r, r.base | r.inheriting);
  if ((r.oflags & oflag::create) != 0) r.directory->require(right::path_create_file);
  // Whoever may set the size of the file that is opened may as well begin with that: Go does not ask for the directory's
  // right.
  const bool sets_size = (r.base & right::fd_filestat_set_size) != 0;
  if ((r.oflags & oflag::truncate) != 0 && !sets_size) r.directory->require(right::path_filestat_set_size);
  // Flags that make every write wait are rights of their own.
  if ((r.fdflags & fdflag::dsync) != 0) require_inheriting(r, right::fd_datasync);
  if ((r.fdflags & (fdflag::sync | fdflag::rsync)) != 0) require_inheriting(r, right::fd_sync);
  if (r.directory->read_only && changes_something(r)) throw failure{errc::rofs};
}

std::uint64_t access_flags(const open_request& r) noexcept {
  if ((r.oflags & oflag::directory) != 0) {
    // The kernel refuses a directory that is to be written itself; the other rights of writing say nothing about that.
    return O_DIRECTORY | ((r.base & right::fd_write) != 0 ? O_RDWR : O_RDONLY);
  }
  const bool reads = (r.base & right::reading) != 0;
  const bool writes = (r.base & right::writing) != 0;
  if (reads && writes) return O_RDWR;
  return writes ? O_WRONLY : O_RDONLY;
}

std::uint64_t host_flags(const open_request& r) noexcept {
  // Opening a FIFO would wait for its other end; what is left of that is dealt with afterwards.
  std::uint64_t flags = access_flags(r) | O_NOCTTY | O_NONBLOCK;
  if ((r.oflags & oflag::create) != 0) flags |= O_CREAT;
  if ((r.oflags & oflag::exclusive) != 0) flags |= O_EXCL;
  if ((r.oflags & oflag::truncate) != 0) flags |= O_TRUNC;
  if ((r.fdflags & fdflag::append) != 0) flags |= O_APPEND;
  if ((r.fdflags & fdflag::dsync) != 0) flags |= O_DSYNC;
  if ((r.fdflags & (fdflag::sync | fdflag::rsync)) != 0) flags |= O_SYNC;
  if ((r.lookup & lookup_follow) == 0) flags |= O_NOFOLLOW;
  return flags;
}

// Descriptors stay in blocking mode: waiting is the fiber's.
int leave_nonblocking_mode(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return errno;
  return ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : errno;
}

bool is_fifo(int fd) noexcept {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

// Makes a descriptor of the guest's of what was opened. Out of line because it looks at errno and a caller parks.
[[gnu::noinline]] errc adopt(context& guest, const open_request& r, int fd, const guest_memory& memory,
                             pointer result) {
  descriptor d;
  d.owned.reset(fd);
  d.fd = fd;
  if (const int error = classify(d); error != 0) return from_errno(error);
  if (!d.is_regular() && !d.is_directory()) {
    if (const int error = leave_nonblocking_mode(fd); error != 0) return from_errno(error);
    d.awaits_writer = is_fifo(fd) && (access_flags(r) & O_ACCMODE) == O_RDONLY;
  }
  d.flags = r.fdflags;
  d.base &= r.base;
  d.inheriting = d.is_directory() ? r.inheriting & r.directory->inheriting : 0;
  d.read_only = r.directory->read_only;
  memory.store(result, guest.descriptors().insert(std::move(d)));
  return errc::success;
}

// A FIFO that nobody reads cannot be opened for writing without waiting; readers do not announce themselves, so one
// looks again.
outcome open_fifo_for_writing(context& guest, const open_request& r, const guest_memory& memory, pointer result) {
  constexpr auto longest_pause = std::chrono::milliseconds(20);
  auto pause = std::chrono::milliseconds(1);
  for (;;) {
    const int fd = open_beneath(r.directory->fd, r.path.c_str(), host_flags(r), 0);
    if (fd >= 0) return adopt(guest, r, fd, memory, result);
    if (fd != -ENXIO) return from_path_errno(-fd);
    weft::sleep_for(pause);
    pause = std::min(pause * 2, longest_pause);
  }
}

bool names_fifo(const open_request& r) noexcept {
  const detail::unique_fd fd(open_beneath(r.directory->fd, r.path.c_str(), O_PATH, 0));
  return fd && is_fifo(fd.get());
}

outcome path_open(call& c, fd_number fd, std::uint32_t lookup, pointer path, size path_length, std::uint32_t oflags,
                  rights base, rights inheriting, std::uint32_t fdflags, pointer result) {
  constexpr std::uint64_t permissions = 0666;
  const descriptor& at = directory(c, fd, right::path_open);
  if ((fdflags >> 16) != 0) return errc::inval;
  const open_request r{.directory = &at,
                       .path = path_text(c.memory, path, path_length),
                       .lookup = lookup,
                       .oflags = oflags,
                       .fdflags = static_cast<std::uint16_t>(fdflags),
                       .base = base & right::all,
                       .inheriting = inheriting & right::all};
  check(r);
  static_cast<void>(c.memory.load<fd_number>(result));
  const int opened =
      open_beneath(at.fd, r.path.c_str(), host_flags(r), (oflags & oflag::create) != 0 ? permissions : 0);
  if (opened >= 0) return adopt(c.guest, r, opened, c.memory, result);
  if (opened == -ENXIO && (fdflags & fdflag::nonblock) == 0 && names_fifo(r)) {
    return c.wait(
        [&guest = c.guest, r, memory = c.memory, result] { return open_fifo_for_writing(guest, r, memory, result); });
  }
  return from_path_errno(-opened);
}

detail::unique_fd look_up(const descriptor& at, const std::string& path, std::uint32_t lookup) {
  const std::uint64_t follow = (lookup & lookup_follow) != 0 ? 0 : std::uint64_t{O_NOFOLLOW};
  const int fd = open_beneath(at.fd, path.c_str(), O_PATH | follow, 0);
  if (fd < 0) throw failure{from_path_errno(-fd)};
  return detail::unique_fd(fd);
}

// ---- names ----------------------------------------------------------------------------------------------------------

outcome path_create_directory(call& c, fd_number fd, pointer path, size length) {
  constexpr mode_t permissions = 0777;
  const descriptor& at = writable(c, fd, right::path_create_directory);
  const parent p(at.fd, path_text(c.memory, path, length));
  return result_of(::mkdirat(p.directory(), p.name(errc::exist), permissions));
}

outcome path_remove_directory(call& c, fd_number fd, pointer path, size length) {
  const descriptor& at = writable(c, fd, right::path_remove_directory);
  const parent p(at.fd, path_text(c.memory, path, length));
  return result_of(::unlinkat(p.directory(), p.name(errc::inval), AT_REMOVEDIR));
}

outcome path_unlink_file(call& c, fd_number fd, pointer path, size length) {
  const descriptor& at = writable(c, fd, right::path_unlink_file);
  const parent p(at.fd, path_text(c.memory, path, length));
  return result_of(::unlinkat(p.directory(), p.name(errc::isdir), 0));
}

outcome path_rename(call& c, fd_number from_fd, pointer from_path, size from_length, fd_number to_fd, pointer to_path,
                    size to_length) {
  const descriptor& from_at = writable(c, from_fd, right::path_rename_source);
  const descriptor& to_at = writable(c, to_fd, right::path_rename_target);
  const parent from(from_at.fd, path_text(c.memory, from_path, from_length));
  const parent to(to_at.fd, path_text(c.memory, to_path, to_length));
  return result_of(::renameat(from.directory(), from.name(errc::busy), to.directory(), to.name(errc::busy)));
}

outcome path_link(call& c, fd_number from_fd, std::uint32_t lookup, pointer from_path, size from_length,
                  fd_number to_fd, pointer to_path, size to_length) {
  const descriptor& from_at = writable(c, from_fd, right::path_link_source);
  const descriptor& to_at = writable(c, to_fd, right::path_link_target);
  if ((lookup & lookup_follow) != 0) return errc::inval;
  const parent from(from_at.fd, path_text(c.memory, from_path, from_length));
  const parent to(to_at.fd, path_text(c.memory, to_path, to_length));
  // With a slash behind it the kernel would follow a link, to wherever that leads; and directories cannot be linked.
  if (from.has_trailing_slash()) return errc::notdir;
  return result_of(::linkat(from.directory(), from.name(errc::perm), to.directory(), to.name(errc::exist), 0));
}

// A link may point anywhere beneath, by whatever way; an absolute one would mean something else to the host than to the
// guest.
outcome path_symlink(call& c, pointer target, size target_length, fd_number fd, pointer path, size length) {
  const descriptor& at = writable(c, fd, right::path_symlink);
  const std::string content = path_text(c.memory, target, target_length);
  if (content.starts_with('/')) return errc::notcapable;
  const parent p(at.fd, path_text(c.memory, path, length));
  return result_of(::symlinkat(content.c_str(), p.directory(), p.name(errc::exist)));
}

outcome path_readlink(call& c, fd_number fd, pointer path, size length, pointer buffer, size buffer_length,
                      pointer used) {
  const descriptor& at = directory(c, fd, right::path_readlink);
  const detail::unique_fd link = look_up(at, path_text(c.memory, path, length), 0);
  const auto target = c.memory.bytes(buffer, buffer_length);
  char content[4096];
  const ssize_t n = ::readlinkat(link.get(), "", content, sizeof content);
  if (n < 0) return errno == ENOENT ? errc::inval : from_errno(errno);
  const std::size_t given = std::min(static_cast<std::size_t>(n), target.size());
  std::memcpy(target.data(), content, given);
  c.memory.store(used, static_cast<size>(given));
  return errc::success;
}

// ---- status ---------------------------------------------------------------------------------------------------------

outcome path_filestat_get(call& c, fd_number fd, std::uint32_t lookup, pointer path, size length, pointer result) {
  const descriptor& at = directory(c, fd, right::path_filestat_get);
  const detail::unique_fd found = look_up(at, path_text(c.memory, path, length), lookup);
  struct stat status = {};
  if (::fstat(found.get(), &status) != 0) return from_errno(errno);
  c.memory.store(result, to_filestat(status));
  return errc::success;
}

outcome path_filestat_set_times(call& c, fd_number fd, std::uint32_t lookup, pointer path, size length,
                                std::uint64_t access, std::uint64_t modification, std::uint32_t flags) {
  const descriptor& at = writable(c, fd, right::path_filestat_set_times);
  const auto times = times_of(access, modification, flags);
  const detail::unique_fd found = look_up(at, path_text(c.memory, path, length), lookup);
  return result_of(::utimensat(found.get(), "", times.data(), AT_EMPTY_PATH));
}

constexpr std::array functions = {
    may_wait<&path_open>("path_open"),
    at_once<&path_create_directory>("path_create_directory"),
    at_once<&path_remove_directory>("path_remove_directory"),
    at_once<&path_unlink_file>("path_unlink_file"),
    at_once<&path_rename>("path_rename"),
    at_once<&path_link>("path_link"),
    at_once<&path_symlink>("path_symlink"),
    at_once<&path_readlink>("path_readlink"),
    at_once<&path_filestat_get>("path_filestat_get"),
    at_once<&path_filestat_set_times>("path_filestat_set_times"),
};

}  // namespace

std::span<const definition> path_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
