// Files and directories that are open: their status, their size, what the kernel is told about them, and directory
// listings.

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/io/descriptor.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/wasi/functions.hpp>
#include <weft/wasm/wasi/status.hpp>

namespace weft::wasm::wasi {

namespace {

errc result_of(int returned) noexcept { return returned == 0 ? errc::success : from_errno(errno); }

outcome fd_advise(call& c, fd_number fd, std::uint64_t offset, std::uint64_t length, std::uint32_t advice) {
  constexpr std::array host_advice = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                      POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
  const descriptor& d = c.guest.descriptors().at(fd);
  if (d.is_directory()) return errc::badf;
  if (!d.is_regular()) return errc::spipe;
  d.require(right::fd_advise);
  if (advice >= host_advice.size() || offset > INT64_MAX || length > INT64_MAX) return errc::inval;
  return from_errno(
      ::posix_fadvise(d.fd, static_cast<off_t>(offset), static_cast<off_t>(length), host_advice.at(advice)));
}

descriptor& regular(const call& c, fd_number fd, rights wanted) {
  descriptor& d = c.guest.descriptors().at(fd);
  if (d.is_directory()) throw failure{errc::isdir};
  d.require(wanted);
  return d;
}

// ---- allocation: may take long, so what is large is done off the workers and in pieces, between which a guest can be
// cancelled. A file's size changes at the end, when all of it is there.

constexpr std::uint64_t allocated_at_once = std::uint64_t{16} << 20;

[[gnu::noinline]] int allocate(int fd, int mode, std::uint64_t offset, std::uint64_t length) noexcept {
  return ::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0 ? 0 : errno;
}

// Rather than fill the disk first and find out then. Pieces that do not change the size are not held against the limit of a
// file's size by the kernel.
[[gnu::noinline]] int enough_space(int fd, std::uint64_t offset, std::uint64_t length) noexcept {
  constexpr std::uint64_t block = 512;
  struct stat file = {};
  struct statvfs space = {};
  rlimit largest = {};
  if (::fstat(fd, &file) != 0 || ::fstatvfs(fd, &space) != 0 || ::getrlimit(RLIMIT_FSIZE, &largest) != 0) return errno;
  if (offset + length > largest.rlim_cur) return EFBIG;
  const std::uint64_t allocated = static_cast<std::uint64_t>(file.st_blocks) * block;
  if (length <= allocated) return 0;
  return (length - allocated) / space.f_frsize <= space.f_bavail ? 0 : ENOSPC;
}

errc allocate_in_pieces(int fd, std::uint64_t offset, std::uint64_t length) {
  if (const int error = enough_space(fd, offset, length); error != 0) return from_errno(error);
  for (std::uint64_t done = 0; done < length; done += allocated_at_once) {
    const std::uint64_t piece = std::min(allocated_at_once, length - done);
    const int error = weft::blocking([&] { return allocate(fd, FALLOC_FL_KEEP_SIZE, offset + done, piece); });
    if (error == EOPNOTSUPP) break;
    if (error != 0) return from_errno(error);
  }
  return from_errno(weft::blocking([&] { return allocate(fd, 0, offset, length); }));
}

outcome fd_allocate(call& c, fd_number fd, std::uint64_t offset, std::uint64_t length) {
  const descriptor& d = regular(c, fd, right::fd_allocate);
  if (offset > INT64_MAX || length > INT64_MAX || length == 0) return errc::inval;
  if (length > INT64_MAX - offset) return errc::fbig;
  c.guest.charge_allocation(length);
  if (length <= allocated_at_once) return from_errno(allocate(d.fd, 0, offset, length));
  return c.wait([host = d.fd, offset, length]() -> outcome { return allocate_in_pieces(host, offset, length); });
}

outcome synchronise(call& c, fd_number fd, rights wanted, bool data_only) {
  const descriptor& d = c.guest.descriptors().at(fd, wanted);
  return c.wait([host = d.fd, data_only]() -> outcome {
    std::error_code error;
    io::sync(host, data_only, error);
    return error ? from_errno(error.value()) : errc::success;
  });
}

outcome fd_sync(call& c, fd_number fd) { return synchronise(c, fd, right::fd_sync, false); }

outcome fd_datasync(call& c, fd_number fd) { return synchronise(c, fd, right::fd_datasync, true); }

outcome fd_filestat_get(call& c, fd_number fd, pointer result) {
  const descriptor& d = c.guest.descriptors().at(fd, right::fd_filestat_get);
  filestat status;
  if (d.captured == nullptr) {
    struct stat host = {};
    if (::fstat(d.fd, &host) != 0) return from_errno(errno);
    status = to_filestat(host);
    status.type = d.type;
  }
  c.memory.store(result, status);
  return errc::success;
}

outcome fd_filestat_set_size(call& c, fd_number fd, std::uint64_t length) {
  const descriptor& d = regular(c, fd, right::fd_filestat_set_size);
  if (length > INT64_MAX) return errc::inval;
  return result_of(::ftruncate(d.fd, static_cast<off_t>(length)));
}

outcome fd_filestat_set_times(call& c, fd_number fd, std::uint64_t access, std::uint64_t modification,
                              std::uint32_t flags) {
  const descriptor& d = c.guest.descriptors().at(fd, right::fd_filestat_set_times);
  if (d.read_only) return errc::rofs;
  const auto times = times_of(access, modification, flags);
  return result_of(::futimens(d.fd, times.data()));
}

// ---- listings -------------------------------------------------------------------------------------------------------
//
// A cookie names the place after an entry. The first two entries, "." and "..", are made here, so that their order does
// not depend on the file system; beyond them a cookie is the kernel's own offset, moved out of the way of the first
// two.

constexpr std::uint64_t cookies_made_here = 2;

// The kernel's record, of which glibc shows only the parsed form.
struct kernel_entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
};
constexpr std::size_t name_offset = 19;

file_type type_of_entry(int directory, const char* name, std::uint8_t type) noexcept {
  if (type != DT_UNKNOWN) return type_of_mode(DTTOIF(std::uint32_t{type}));
  struct stat status = {};
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? type_of_mode(status.st_mode)
                                                                       : file_type::unknown;
}

// Fills the guest's buffer; the last entry may be cut, which tells the guest that the buffer is too small.
class listing {
 public:
  explicit listing(std::span<std::byte> buffer) noexcept : buffer_(buffer) {}

  [[nodiscard]] bool full() const noexcept { return used_ == buffer_.size(); }
  [[nodiscard]] size used() const noexcept { return static_cast<size>(used_); }

  void add(std::uint64_t next, std::uint64_t inode, file_type type, std::string_view name) noexcept {
    const directory_entry entry{
        .next = next, .inode = inode, .name_length = static_cast<std::uint32_t>(name.size()), .type = type};
    put(&entry, sizeof entry);
    put(name.data(), name.size());
  }

 private:
  void put(const void* data, std::size_t length) noexcept {
    const std::size_t n = std::min(length, buffer_.size() - used_);
    std::memcpy(buffer_.data() + used_, data, n);
    used_ += n;
  }

  std::span<std::byte> buffer_;
  std::size_t used_ = 0;
};

void add_made_here(const descriptor& d, std::uint64_t cookie, listing& list) noexcept {
  struct stat status = {};
  const bool known = ::fstat(d.fd, &status) == 0;
  if (cookie < 1) list.add(1, known ? status.st_ino : 0, file_type::directory, ".");
  // What lies above a directory that was given is none of the guest's business, so its number is not told.
  if (cookie < 2 && !list.full()) list.add(2, 0, file_type::directory, "..");
}

// The entries of one block of the kernel's; false if the list is full.
bool add_block(const descriptor& d, std::span<const char> block, listing& list) noexcept {
  for (std::size_t at = 0; at < block.size();) {
    kernel_entry entry;
    std::memcpy(&entry, block.data() + at, sizeof entry);
    const char* name = block.data() + at + name_offset;
    at += entry.length;
    const std::string_view text(name);
    if (text == "." || text == "..") continue;
    list.add(static_cast<std::uint64_t>(entry.offset) + cookies_made_here, entry.inode,
             type_of_entry(d.fd, name, entry.type), text);
    if (list.full()) return false;
  }
  return true;
}

// Out of line, for they look at errno and a caller parks.
[[gnu::noinline]] errc go_to(int directory, std::uint64_t offset) noexcept {
  return ::lseek(directory, static_cast<off_t>(offset), SEEK_SET) < 0 ? from_errno(errno) : errc::success;
}

[[gnu::noinline]] long read_block(int directory, std::span<char> block) noexcept {
  const long n = ::syscall(SYS_getdents64, directory, block.data(), block.size());
  return n < 0 ? -errno : n;
}

template <class Between>
errc add_from_kernel(const descriptor& d, std::uint64_t offset, listing& list, Between&& between) {
  constexpr std::size_t block_size = std::size_t{16} << 10;
  if (const errc error = go_to(d.fd, offset); error != errc::success) return error;
  std::vector<char> block(block_size);
  while (!list.full()) {
    const long n = read_block(d.fd, block);
    if (n < 0) return from_errno(static_cast<int>(-n));
    if (n == 0 || !add_block(d, std::span(block).first(static_cast<std::size_t>(n)), list)) break;
    between();
  }
  return errc::success;
}

outcome fd_readdir(call& c, fd_number fd, pointer buffer, size length, std::uint64_t cookie, pointer used) {
  // A larger listing would keep the worker from others.
  constexpr size listed_at_once = size{64} << 10;
  const descriptor& d = c.guest.descriptors().directory_at(fd, right::fd_readdir);
  listing list(c.memory.bytes(buffer, length));
  static_cast<void>(c.memory.load<size>(used));
  const std::uint64_t offset = cookie > cookies_made_here ? cookie - cookies_made_here : 0;
  if (offset > INT64_MAX) return errc::inval;
  if (cookie < cookies_made_here) add_made_here(d, cookie, list);
  auto list_all = [&d, list, offset, memory = c.memory, used](auto&& between) mutable {
    const errc error = add_from_kernel(d, offset, list, between);
    if (error == errc::success) memory.store(used, list.used());
    return error;
  };
  if (length <= listed_at_once) return list_all([] {});
  return c.wait([list_all]() mutable -> outcome { return list_all([] { weft::yield(); }); });
}

constexpr std::array functions = {
    at_once<&fd_advise>("fd_advise"),
    may_wait<&fd_allocate>("fd_allocate"),
    may_wait<&fd_sync>("fd_sync"),
    may_wait<&fd_datasync>("fd_datasync"),
    at_once<&fd_filestat_get>("fd_filestat_get"),
    at_once<&fd_filestat_set_size>("fd_filestat_set_size"),
    at_once<&fd_filestat_set_times>("fd_filestat_set_times"),
    may_wait<&fd_readdir>("fd_readdir"),
};

}  // namespace

std::span<const definition> file_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
