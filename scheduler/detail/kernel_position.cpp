#include <weft/scheduler/detail/kernel_position.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <string_view>

namespace weft::detail {

namespace {

using state = kernel_position::state;

// What is no socket has no limit.
bool has_receive_limit(std::uint64_t fd) noexcept {
  timeval limit = {};
  socklen_t size = sizeof limit;
  if (::getsockopt(static_cast<int>(fd), SOL_SOCKET, SO_RCVTIMEO, &limit, &size) != 0) return false;
  return limit.tv_sec != 0 || limit.tv_usec != 0;
}

bool is_restarted(long call, const std::array<std::uint64_t, 6>& arguments) noexcept {
  switch (call) {
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_accept:
    case SYS_accept4:
      return !has_receive_limit(arguments[0]);
    case SYS_futex:
      return arguments[3] == 0;  // the address of its limit
    case SYS_fcntl:
      return arguments[1] == F_SETLKW || arguments[1] == F_OFD_SETLKW;
    case SYS_openat:  // of a FIFO
    case SYS_flock:
    case SYS_wait4:
    case SYS_waitid:
      return true;
    default:
      return false;
  }
}

}  // namespace

// The line is "running"; or the number of the call, its arguments, stack pointer and program counter; or -1 and the last two.
kernel_position position_of_thread(pid_t thread) noexcept {
  std::array<char, 256> text;
  std::snprintf(text.data(), text.size(), "/proc/self/task/%d/syscall", thread);
  const int fd = ::open(text.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t size = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  if (size <= 0) return {};
  text[static_cast<std::size_t>(size)] = '\0';
  kernel_position p;
  if (std::string_view(text.data()).starts_with("running")) {
    p.what = state::running;
    return p;
  }
  auto& a = p.arguments;
  const int fields = std::sscanf(
      text.data(), "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
      &p.call, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &p.stack_pointer, &p.program_counter);
  if (fields == 9) {
    p.what = state::in_call;
  } else if (fields == 3) {
    p.what = state::elsewhere;
    p.stack_pointer = a[0];
    p.program_counter = a[1];
  }
  return p;
}

bool is_interruptible(const kernel_position& p) noexcept {
  switch (p.what) {
    case state::running:
    case state::elsewhere:
      return true;
    case state::in_call:
      return is_restarted(p.call, p.arguments);
    case state::unknown:
      break;
  }
  return false;
}

}  // namespace weft::detail
