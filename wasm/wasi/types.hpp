// The vocabulary of WASI preview 1: error numbers, types and layouts, as its specification fixes them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::wasm::wasi {

// Offsets and sizes in the guest's memory, and the guest's descriptors.
using pointer = std::uint32_t;
using size = std::uint32_t;
using fd_number = std::uint32_t;

enum class errc : std::uint16_t {
  success = 0,
  toobig = 1,
  acces = 2,
  addrinuse = 3,
  addrnotavail = 4,
  afnosupport = 5,
  again = 6,
  already = 7,
  badf = 8,
  badmsg = 9,
  busy = 10,
  canceled = 11,
  child = 12,
  connaborted = 13,
  connrefused = 14,
  connreset = 15,
  deadlk = 16,
  destaddrreq = 17,
  dom = 18,
  dquot = 19,
  exist = 20,
  fault = 21,
  fbig = 22,
  hostunreach = 23,
  idrm = 24,
  ilseq = 25,
  inprogress = 26,
  intr = 27,
  inval = 28,
  io = 29,
  isconn = 30,
  isdir = 31,
  loop = 32,
  mfile = 33,
  mlink = 34,
  msgsize = 35,
  multihop = 36,
  nametoolong = 37,
  netdown = 38,
  netreset = 39,
  netunreach = 40,
  nfile = 41,
  nobufs = 42,
  nodev = 43,
  noent = 44,
  noexec = 45,
  nolck = 46,
  nolink = 47,
  nomem = 48,
  nomsg = 49,
  noprotoopt = 50,
  nospc = 51,
  nosys = 52,
  notconn = 53,
  notdir = 54,
  notempty = 55,
  notrecoverable = 56,
  notsock = 57,
  notsup = 58,
  notty = 59,
  nxio = 60,
  overflow = 61,
  ownerdead = 62,
  perm = 63,
  pipe = 64,
  proto = 65,
  protonosupport = 66,
  prototype = 67,
  range = 68,
  rofs = 69,
  spipe = 70,
  srch = 71,
  stale = 72,
  timedout = 73,
  txtbsy = 74,
  xdev = 75,
  notcapable = 76,
};

// An errno of the host; success for 0, io for what WASI has no name for.
[[nodiscard]] errc from_errno(int error) noexcept;

enum class file_type : std::uint8_t {
  unknown = 0,
  block_device = 1,
  character_device = 2,
  directory = 3,
  regular_file = 4,
  socket_datagram = 5,
  socket_stream = 6,
  symbolic_link = 7,
};

[[nodiscard]] file_type type_of_mode(std::uint32_t mode) noexcept;

// What a descriptor may be used for, a bit each.
using rights = std::uint64_t;
namespace right {
inline constexpr rights fd_datasync = 1ULL << 0;
inline constexpr rights fd_read = 1ULL << 1;
inline constexpr rights fd_seek = 1ULL << 2;
inline constexpr rights fd_fdstat_set_flags = 1ULL << 3;
inline constexpr rights fd_sync = 1ULL << 4;
inline constexpr rights fd_tell = 1ULL << 5;
inline constexpr rights fd_write = 1ULL << 6;
inline constexpr rights fd_advise = 1ULL << 7;
inline constexpr rights fd_allocate = 1ULL << 8;
inline constexpr rights path_create_directory = 1ULL << 9;
inline constexpr rights path_create_file = 1ULL << 10;
inline constexpr rights path_link_source = 1ULL << 11;
inline constexpr rights path_link_target = 1ULL << 12;
inline constexpr rights path_open = 1ULL << 13;
inline constexpr rights fd_readdir = 1ULL << 14;
inline constexpr rights path_readlink = 1ULL << 15;
inline constexpr rights path_rename_source = 1ULL << 16;
inline constexpr rights path_rename_target = 1ULL << 17;
inline constexpr rights path_filestat_get = 1ULL << 18;
inline constexpr rights path_filestat_set_size = 1ULL << 19;
inline constexpr rights path_filestat_set_times = 1ULL << 20;
inline constexpr rights fd_filestat_get = 1ULL << 21;
inline constexpr rights fd_filestat_set_size = 1ULL << 22;
inline constexpr rights fd_filestat_set_times = 1ULL << 23;
inline constexpr rights path_symlink = 1ULL << 24;
inline constexpr rights path_remove_directory = 1ULL << 25;
inline constexpr rights path_unlink_file = 1ULL << 26;
inline constexpr rights poll_fd_readwrite = 1ULL << 27;
inline constexpr rights sock_shutdown = 1ULL << 28;
inline constexpr rights sock_accept = 1ULL << 29;

inline constexpr rights all = (1ULL << 30) - 1;
// What makes sense for a regular file, a directory, and something that bytes stream through.
inline constexpr rights of_file = fd_datasync | fd_read | fd_seek | fd_fdstat_set_flags | fd_sync | fd_tell | fd_write |
                                  fd_advise | fd_allocate | fd_filestat_get | fd_filestat_set_size |
                                  fd_filestat_set_times | poll_fd_readwrite;
inline constexpr rights of_directory =
    fd_fdstat_set_flags | fd_sync | fd_advise | path_create_directory | path_create_file | path_link_source |
    path_link_target | path_open | fd_readdir | path_readlink | path_rename_source | path_rename_target |
    path_filestat_get | path_filestat_set_size | path_filestat_set_times | fd_filestat_get | fd_filestat_set_times |
    path_symlink | path_remove_directory | path_unlink_file | poll_fd_readwrite;
inline constexpr rights of_stream = fd_read | fd_fdstat_set_flags | fd_write | fd_filestat_get | poll_fd_readwrite;
inline constexpr rights of_socket = of_stream | sock_shutdown | sock_accept;

// A descriptor that is asked for any of these is opened for reading, or for writing.
inline constexpr rights reading = fd_read | fd_readdir;
// Not fd_filestat_set_size: Go asks for it whenever it opens a file, also to read.
inline constexpr rights writing = fd_datasync | fd_write | fd_allocate;
}  // namespace right

// Flags of open descriptors.
namespace fdflag {
inline constexpr std::uint16_t append = 1;
inline constexpr std::uint16_t dsync = 2;
inline constexpr std::uint16_t nonblock = 4;
inline constexpr std::uint16_t rsync = 8;
inline constexpr std::uint16_t sync = 16;
inline constexpr std::uint16_t all = 31;
}  // namespace fdflag

namespace oflag {
inline constexpr std::uint16_t create = 1;
inline constexpr std::uint16_t directory = 2;
inline constexpr std::uint16_t exclusive = 4;
inline constexpr std::uint16_t truncate = 8;
inline constexpr std::uint16_t all = 15;
}  // namespace oflag

namespace fstflag {
inline constexpr std::uint16_t access_time = 1;
inline constexpr std::uint16_t access_time_now = 2;
inline constexpr std::uint16_t modification_time = 4;
inline constexpr std::uint16_t modification_time_now = 8;
inline constexpr std::uint16_t all = 15;
}  // namespace fstflag

inline constexpr std::uint32_t lookup_follow = 1;

// Structures, laid out as the guest sees them; both sides are little-endian.

struct fdstat {
  file_type type = file_type::unknown;
  std::uint8_t padding = 0;
  std::uint16_t flags = 0;
  std::uint32_t padding2 = 0;
  rights base = 0;
  rights inheriting = 0;
};
static_assert(sizeof(fdstat) == 24);

struct filestat {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  file_type type = file_type::unknown;
  std::uint8_t padding[7] = {};
  std::uint64_t links = 0;
  std::uint64_t size = 0;
  std::uint64_t access_time = 0;  // nanoseconds
  std::uint64_t modification_time = 0;
  std::uint64_t change_time = 0;
};
static_assert(sizeof(filestat) == 64);

struct prestat {
  std::uint32_t tag = 0;  // a directory
  std::uint32_t name_length = 0;
};
static_assert(sizeof(prestat) == 8);

struct io_vector {
  pointer buffer;
  size length;
};
static_assert(sizeof(io_vector) == 8);

struct directory_entry {
  std::uint64_t next;
  std::uint64_t inode;
  std::uint32_t name_length;
  file_type type;
  std::uint8_t padding[3] = {};
};
static_assert(sizeof(directory_entry) == 24);

enum class event_type : std::uint8_t { clock = 0, read = 1, write = 2 };

struct subscription {
  std::uint64_t user_data;
  event_type type;
  std::uint8_t padding[7];
  // A clock's number, or a descriptor.
  std::uint32_t subject;
  std::uint32_t padding2;
  std::uint64_t timeout;  // nanoseconds
  std::uint64_t precision;
  std::uint16_t clock_flags;  // 1: the timeout is a point in time
  std::uint8_t padding3[6];
};
static_assert(sizeof(subscription) == 48);

struct event {
  std::uint64_t user_data = 0;
  errc error = errc::success;
  event_type type = event_type::clock;
  std::uint8_t padding[5] = {};
  std::uint64_t available = 0;  // bytes
  std::uint16_t flags = 0;      // 1: the other end is closed
  std::uint8_t padding2[6] = {};
};
static_assert(sizeof(event) == 32);

}  // namespace weft::wasm::wasi
