// Calls on files that may wait for somebody: the other end of a named pipe, a lock that another process has, the disk.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>

#include <weft/io/detail/transfer.hpp>
#include <weft/io/hooks/detail/known_sockets.hpp>
#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<int(const char*, int, ...), "open"> real_open;
constexpr real_function<int(int, const char*, int, ...), "openat"> real_openat;
constexpr real_function<decltype(::fsync), "fsync"> real_fsync;
constexpr real_function<decltype(::fdatasync), "fdatasync"> real_fdatasync;
constexpr real_function<decltype(::flock), "flock"> real_flock;
constexpr real_function<int(int, int, ...), "fcntl"> real_fcntl;
constexpr real_function<decltype(::lockf), "lockf"> real_lockf;

using namespace std::chrono_literals;

[[gnu::noinline]] std::int64_t outcome(std::int64_t result) noexcept { return result >= 0 ? result : negative_errno(); }

// Nothing tells when a file lock is free, so it is tried again, after 1 ms, later after 50.
template <class Try>
std::int64_t try_until_free(Try attempt) noexcept {
  for (std::chrono::nanoseconds pause = 1ms;; pause = std::min<std::chrono::nanoseconds>(2 * pause, 50ms)) {
    const std::int64_t result = attempt();
    if (result != -EAGAIN && result != -EACCES) return result;
    if (const std::int64_t failed = wait_until(limit_after(pause)); failed < 0) return failed;
  }
}

// Opening a named pipe at one end waits for the other. Anything else is opened where the caller is.
[[gnu::noinline]] bool waits_for_other_end(int directory, const char* path, int flags) noexcept {
  if ((flags & (O_NONBLOCK | O_PATH | O_DIRECTORY)) != 0 || (flags & O_ACCMODE) == O_RDWR) return false;
  struct stat status{};
  return path != nullptr && ::fstatat(directory, path, &status, 0) == 0 && S_ISFIFO(status.st_mode);
}

[[gnu::noinline]] std::int64_t open_pipe(int directory, const char* path, int flags, mode_t mode) noexcept {
  return inside([&] {
    detail::operation op(detail::opcode::open, directory);
    op.data = const_cast<char*>(path);
    op.size = mode;
    op.flags = static_cast<std::uint32_t>(flags);
    op.needs_thread = true;
    return detail::perform(op);
  });
}

int open_at(int directory, const char* path, int flags, mode_t mode) {
  if (!may_wait()) return real_openat(directory, path, flags, mode);
  const int saved = errno;
  if (!waits_for_other_end(directory, path, flags)) {
    errno = saved;
    return real_openat(directory, path, flags, mode);
  }
  return static_cast<int>(leave_with(open_pipe(directory, path, flags, mode)));
}

mode_t mode_given(int flags, va_list rest) noexcept {
  const bool is_given = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return is_given ? va_arg(rest, mode_t) : 0;
}

int sync_file(int fd, bool data_only) {
  return static_cast<int>(leave_with(inside([&] { return detail::sync(fd, data_only, nullptr); })));
}

// The kind of lock request that does not wait; the command itself if it does not either.
int without_waiting(int command) noexcept {
  return command == F_SETLKW ? F_SETLK : command == F_OFD_SETLKW ? F_OFD_SETLK : command;
}

int control(int fd, int command, void* argument) {
  const int now = without_waiting(command);
  if (now == command || !may_wait()) {
    const int result = real_fcntl(fd, command, argument);
    if (command == F_SETFL) known_sockets::forget_all();
    return result;
  }
  return static_cast<int>(leave_with(try_until_free([&] { return outcome(real_fcntl(fd, now, argument)); })));
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_given(flags, rest);
  va_end(rest);
  if (!may_wait()) return real_open(path, flags, mode);
  return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_given(flags, rest);
  va_end(rest);
  return open_at(directory, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_given(flags, rest);
  va_end(rest);
  return open(path, flags, mode);
}

int openat64(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_given(flags, rest);
  va_end(rest);
  return openat(directory, path, flags, mode);
}

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the C library's
int __open_2(const char* path, int flags) { return open(path, flags); }
int __open64_2(const char* path, int flags) { return open(path, flags); }
// NOLINTEND(bugprone-reserved-identifier)

int fsync(int fd) { return may_wait() ? sync_file(fd, false) : real_fsync(fd); }

int fdatasync(int fd) { return may_wait() ? sync_file(fd, true) : real_fdatasync(fd); }

int flock(int fd, int operation) {
  if ((operation & LOCK_NB) != 0 || !may_wait()) return real_flock(fd, operation);
  return static_cast<int>(leave_with(try_until_free([&] { return outcome(real_flock(fd, operation | LOCK_NB)); })));
}

int lockf(int fd, int command, off_t size) {
  if (command != F_LOCK || !may_wait()) return real_lockf(fd, command, size);
  return static_cast<int>(leave_with(try_until_free([&] { return outcome(real_lockf(fd, F_TLOCK, size)); })));
}

int lockf64(int fd, int command, off64_t size) { return lockf(fd, command, size); }

// Its third argument, where there is one, is an integer or a pointer, which travel alike.
int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return control(fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return control(fd, command, argument);
}

}  // extern "C"
