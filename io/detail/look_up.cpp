#include <weft/io/detail/look_up.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include <weft/io/detail/unique_fd.hpp>

namespace weft::io::detail {

namespace {

using std::filesystem::file_type;

file_time time_of(const statx_timestamp& t) noexcept {
  return file_time(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

}  // namespace

file_type type_of_mode(unsigned mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return file_type::regular;
    case S_IFDIR:
      return file_type::directory;
    case S_IFLNK:
      return file_type::symlink;
    case S_IFBLK:
      return file_type::block;
    case S_IFCHR:
      return file_type::character;
    case S_IFIFO:
      return file_type::fifo;
    case S_IFSOCK:
      return file_type::socket;
    default:
      return file_type::unknown;
  }
}

file_type type_of_entry(unsigned char type) noexcept { return type_of_mode(DTTOIF(static_cast<unsigned>(type))); }

namespace {

[[gnu::noinline]] int look(int directory, const char* name, int flags, file_status& status) noexcept {
  struct statx raw{};
  if (::statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0) return -errno;
  constexpr unsigned block = 512;
  status = {.type = type_of_mode(raw.stx_mode),
            .permissions = static_cast<std::filesystem::perms>(raw.stx_mode & 07777U),
            .size = raw.stx_size,
            .allocated = raw.stx_blocks * block,
            .device = ::makedev(raw.stx_dev_major, raw.stx_dev_minor),
            .inode = raw.stx_ino,
            .links = raw.stx_nlink,
            .owner = raw.stx_uid,
            .group = raw.stx_gid,
            .accessed = time_of(raw.stx_atime),
            .modified = time_of(raw.stx_mtime),
            .changed = time_of(raw.stx_ctime),
            .created = {}};
  if ((raw.stx_mask & STATX_BTIME) != 0) status.created = time_of(raw.stx_btime);
  return 0;
}

// The errno EAGAIN where it is not cached.
[[gnu::noinline]] int open_cached(const char* path, bool follow) noexcept {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  how.resolve = RESOLVE_CACHED;
  const auto fd = static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
  return fd >= 0 ? fd : -errno;
}

}  // namespace

int look_up(int directory, const char* name, bool follow, file_status& status) noexcept {
  return look(directory, name,
              (follow ? 0 : AT_SYMLINK_NOFOLLOW) | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0), status);
}

// What a network file system has in its caches may be old, and to ask it takes time. Those on block devices have no older truth than the caches'.
int look_up_cached(const char* path, bool follow, file_status& status) noexcept {
  const unique_fd fd(open_cached(path, follow));
  if (!fd) return fd.get() == -ENOENT || fd.get() == -ENOTDIR ? fd.get() : -EAGAIN;
  if (look(fd.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, status) != 0) return -EAGAIN;
  return ::gnu_dev_major(status.device) != 0 ? 0 : -EAGAIN;
}

}  // namespace weft::io::detail
