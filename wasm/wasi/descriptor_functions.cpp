// Descriptors themselves: their state, flags and rights, their numbers, the position in a file, and what the guest was
// given.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <weft/io/descriptor.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::wasi {

namespace {

outcome fd_close(call& c, fd_number fd) {
  descriptor& d = c.guest.descriptors().at(fd);
  if (!d.lines) {
    c.guest.descriptors().erase(fd);
    return errc::success;
  }
  return c.wait([&guest = c.guest, fd]() -> outcome {
    std::error_code error;
    guest.descriptors().at(fd).lines->flush(error);
    guest.descriptors().erase(fd);
    return error ? from_errno(error.value()) : errc::success;
  });
}

outcome fd_fdstat_get(call& c, fd_number fd, pointer result) {
  const descriptor& d = c.guest.descriptors().at(fd);
  fdstat status;
  status.type = d.type;
  status.flags = d.flags;
  status.base = d.base;
  status.inheriting = d.inheriting;
  c.memory.store(result, status);
  return errc::success;
}

// Appending can be switched; the kernel does not switch the flags of synchronous writing.
outcome fd_fdstat_set_flags(call& c, fd_number fd, std::uint32_t flags) {
  descriptor& d = c.guest.descriptors().at(fd, right::fd_fdstat_set_flags);
  if ((flags & ~std::uint32_t{fdflag::all}) != 0) return errc::inval;
  constexpr std::uint32_t fixed = fdflag::dsync | fdflag::rsync | fdflag::sync;
  if (((flags ^ d.flags) & fixed) != 0) return errc::notsup;
  const bool append_changes = ((flags ^ d.flags) & fdflag::append) != 0;
  // A descriptor that is shared with others keeps its own mode.
  if (append_changes && !d.owned) return errc::notsup;
  if (append_changes) {
    const int now = ::fcntl(d.fd, F_GETFL);
    const int wanted = (flags & fdflag::append) != 0 ? now | O_APPEND : now & ~O_APPEND;
    if (now < 0 || ::fcntl(d.fd, F_SETFL, wanted) != 0) return from_errno(errno);
  }
  d.flags = static_cast<std::uint16_t>(flags);
  return errc::success;
}

// Rights can be given up, never gained.
outcome fd_fdstat_set_rights(call& c, fd_number fd, rights base, rights inheriting) {
  descriptor& d = c.guest.descriptors().at(fd);
  if ((base & ~d.base) != 0 || (inheriting & ~d.inheriting) != 0) return errc::notcapable;
  d.base = base;
  d.inheriting = inheriting;
  return errc::success;
}

// Null without an exception: each guest asks for one more than there are when it starts, and the first exception of a process takes
// up to a millisecond, in which the unwinder sorts what it knows of the guest's code.
const descriptor* given_directory(const call& c, fd_number fd) noexcept {
  const descriptor* d = c.guest.descriptors().find(fd);
  return d != nullptr && d->preopened ? d : nullptr;
}

outcome fd_prestat_get(call& c, fd_number fd, pointer result) {
  const descriptor* d = given_directory(c, fd);
  if (d == nullptr) return errc::badf;
  c.memory.store(result, prestat{.tag = 0, .name_length = static_cast<std::uint32_t>(d->preopened->size())});
  return errc::success;
}

outcome fd_prestat_dir_name(call& c, fd_number fd, pointer name, size length) {
  const descriptor* d = given_directory(c, fd);
  if (d == nullptr) return errc::badf;
  if (length < d->preopened->size()) return errc::nametoolong;
  const auto target = c.memory.bytes(name, d->preopened->size());
  std::memcpy(target.data(), d->preopened->data(), target.size());
  return errc::success;
}

outcome fd_renumber(call& c, fd_number from, fd_number to) {
  c.guest.descriptors().renumber(from, to);
  return errc::success;
}

const descriptor& seekable(const call& c, fd_number fd) {
  const descriptor& d = c.guest.descriptors().at(fd);
  if (d.is_directory()) throw failure{errc::isdir};
  if (d.type == file_type::unknown || d.is_socket() || d.captured != nullptr) throw failure{errc::spipe};
  return d;
}

// The right to move a position implies that to ask for it.
const descriptor& tellable(const call& c, fd_number fd) {
  const descriptor& d = seekable(c, fd);
  if ((d.base & right::fd_seek) == 0) d.require(right::fd_tell);
  return d;
}

outcome report_position(const call& c, off_t position, pointer result) {
  if (position < 0) return from_errno(errno);
  c.memory.store(result, static_cast<std::uint64_t>(position));
  return errc::success;
}

outcome fd_seek(call& c, fd_number fd, std::int64_t offset, std::uint32_t whence, pointer result) {
  constexpr std::array host_whence = {SEEK_SET, SEEK_CUR, SEEK_END};
  if (whence >= host_whence.size()) return errc::inval;
  const bool asks = whence == 1 && offset == 0;
  const descriptor& d = asks ? tellable(c, fd) : seekable(c, fd);
  if (!asks) d.require(right::fd_seek);
  static_cast<void>(c.memory.load<std::uint64_t>(result));
  return report_position(c, ::lseek(d.fd, offset, host_whence.at(whence)), result);
}

outcome fd_tell(call& c, fd_number fd, pointer result) {
  const descriptor& d = tellable(c, fd);
  static_cast<void>(c.memory.load<std::uint64_t>(result));
  return report_position(c, ::lseek(d.fd, 0, SEEK_CUR), result);
}

constexpr std::array functions = {
    may_wait<&fd_close>("fd_close"),
    at_once<&fd_fdstat_get>("fd_fdstat_get"),
    at_once<&fd_fdstat_set_flags>("fd_fdstat_set_flags"),
    at_once<&fd_fdstat_set_rights>("fd_fdstat_set_rights"),
    at_once<&fd_prestat_get>("fd_prestat_get"),
    at_once<&fd_prestat_dir_name>("fd_prestat_dir_name"),
    at_once<&fd_renumber>("fd_renumber"),
    at_once<&fd_seek>("fd_seek"),
    at_once<&fd_tell>("fd_tell"),
};

}  // namespace

std::span<const definition> descriptor_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
