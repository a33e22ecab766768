#include <weft/wasm/wasi/status.hpp>

#include <weft/wasm/wasi/memory.hpp>

namespace weft::wasm::wasi {

namespace {

constexpr std::uint64_t nanoseconds_a_second = 1'000'000'000;

std::uint64_t nanoseconds(const timespec& t) noexcept {
  return static_cast<std::uint64_t>(t.tv_sec) * nanoseconds_a_second + static_cast<std::uint64_t>(t.tv_nsec);
}

timespec chosen(std::uint64_t time, bool given, bool now) {
  if (given && now) throw failure{errc::inval};
  timespec t = {};
  if (given) {
    t.tv_sec = static_cast<time_t>(time / nanoseconds_a_second);
    t.tv_nsec = static_cast<long>(time % nanoseconds_a_second);
  } else {
    t.tv_nsec = now ? UTIME_NOW : UTIME_OMIT;
  }
  return t;
}

}  // namespace

filestat to_filestat(const struct stat& status) noexcept {
  filestat f;
  f.device = status.st_dev;
  f.inode = status.st_ino;
  f.type = type_of_mode(status.st_mode);
  f.links = status.st_nlink;
  f.size = static_cast<std::uint64_t>(status.st_size);
  f.access_time = nanoseconds(status.st_atim);
  f.modification_time = nanoseconds(status.st_mtim);
  f.change_time = nanoseconds(status.st_ctim);
  return f;
}

std::array<timespec, 2> times_of(std::uint64_t access, std::uint64_t modification, std::uint32_t flags) {
  if ((flags & ~std::uint32_t{fstflag::all}) != 0) throw failure{errc::inval};
  return {
      chosen(access, (flags & fstflag::access_time) != 0, (flags & fstflag::access_time_now) != 0),
      chosen(modification, (flags & fstflag::modification_time) != 0, (flags & fstflag::modification_time_now) != 0)};
}

}  // namespace weft::wasm::wasi
