// An epoll instance and the eventfd that ends its wait: the system calls of the epoll engine, as functions that return a negative errno.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <span>

namespace weft::io::epoll {

class epoll_set {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  // What the eventfd's events are marked with; no other events may be.
  static constexpr std::uint64_t wake_tag = UINT64_MAX;

  // Throws std::system_error; the message names the worker, the cause and the remedy.
  explicit epoll_set(unsigned worker);
  ~epoll_set();
  epoll_set(const epoll_set&) = delete;
  epoll_set& operator=(const epoll_set&) = delete;

  // Events of `fd` are reported with `tag` from now on, those there are already included. 0, or -EEXIST, -EPERM (a file that cannot be
  // waited for), -EBADF, -ENOMEM, -ENOSPC.
  int add(int fd, std::uint32_t events, std::uint64_t tag) noexcept;
  // The same for one that is in the set; -ENOENT if the file that `fd` is now is not.
  int change(int fd, std::uint32_t events, std::uint64_t tag) noexcept;
  // If it is in the set. The descriptor may be closed, or being closed, by another thread.
  void remove(int fd) noexcept;

  // Leaves the set and takes a new, empty one; false, and all is as before, if none can be had.
  bool renew() noexcept;

  // Sleeps until there are events, wake() is called, or the time has come (time_point::max(): no limit; {}: does not sleep). Returns how
  // many events it has put into `events`; never those of wake().
  std::size_t wait(std::span<epoll_event> events, time_point until) noexcept;

  // Ends the wait in progress, or the next. Any thread.
  void wake() const noexcept;

 private:
  int control(int operation, int fd, std::uint32_t events, std::uint64_t tag) const noexcept;
  int wait_once(std::span<epoll_event> events, time_point until) noexcept;

  int epoll_ = -1;
  int wake_fd_ = -1;
  bool has_nanoseconds_ = true;  // epoll_pwait2(2): Linux 5.11, and not every filter lets it pass
};

}  // namespace weft::io::epoll
