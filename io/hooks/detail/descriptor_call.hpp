// The pattern of nearly all hooks: try so that it cannot wait; where it would have to, wait for readiness and try again.
//
// Whether a descriptor is set to O_NONBLOCK, and how long its socket may wait, is asked of the kernel when a call would have to wait. Of sockets it is
// remembered if the answer is no (known_sockets.hpp); of nothing else, since pipes and terminals are what processes share. O_NONBLOCK is never
// set: it belongs to all who share the file.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include <weft/io/detail/system_calls.hpp>
#include <weft/io/hooks/detail/known_sockets.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

using detail::is_nonblocking;
// When a wait on that descriptor that begins now is over: SO_RCVTIMEO or SO_SNDTIMEO for a socket.
[[nodiscard]] time_point socket_limit(int fd, short event) noexcept;
// The same; false, and no limit, if it is no socket.
bool find_socket_limit(int fd, short event, time_point& limit) noexcept;

// A wait on one descriptor in one direction. Kept across attempts, so that its time limit holds for all of them.
class descriptor_wait {
 public:
  descriptor_wait(int fd, short event) noexcept : fd_(fd), event_(event) {}
  // Of one whose limit is known.
  descriptor_wait(int fd, short event, time_point limit) noexcept
      : fd_(fd), event_(event), limit_known_(true), limit_(limit) {}

  // After an attempt that would have had to wait: 0 if it is to be made again, else -EAGAIN (O_NONBLOCK, or the socket's time limit), or a negative
  // errno.
  std::int64_t again() noexcept;

 private:
  const int fd_;
  const short event_;
  unsigned in_vain_ = 0;  // attempts that failed although the kernel had said it was ready
  bool begun_ = false;
  bool limit_known_ = false;
  time_point limit_{};
};

// Receiving from a socket, as recv() does: without an attempt where the last call has drained it, since it would be in vain, and with one
// operation for the wait and the data. -ENOTSOCK if it is none.
std::int64_t receive_some(int fd, std::span<std::byte> buffer) noexcept;
// What comes after an attempt that would have had to wait, for who has asked the kernel for the socket's time limit.
std::int64_t receive_after_attempt(int fd, std::span<std::byte> buffer, const known_sockets::question& asked,
                                   time_point limit) noexcept;

// attempt() returns a count or a negative errno, and does not wait. Returns the same.
template <class Attempt>
std::int64_t retry_until_done(int fd, short event, Attempt attempt) noexcept {
  give_way_now_and_then();
  std::int64_t result = attempt();
  if (result != -EAGAIN) [[likely]]
    return result;
  descriptor_wait wait(fd, event);
  while (result == -EAGAIN) {
    if (const std::int64_t failed = wait.again(); failed != 0) return failed;
    result = attempt();
  }
  return result;
}

// The same of a call that is to transfer `size` bytes in all unless it fails: attempt(done) goes on from there. What was done already is returned
// rather than an error.
template <class Attempt>
std::int64_t retry_until_all(int fd, short event, std::size_t size, Attempt attempt) noexcept {
  const auto whole = static_cast<std::int64_t>(size);
  std::int64_t done = 0;
  do {
    const std::int64_t result = retry_until_done(fd, event, [&] { return attempt(static_cast<std::size_t>(done)); });
    if (result <= 0) return done > 0 ? done : result;
    done += result;
  } while (done < whole);
  return done;
}

}  // namespace weft::io::hooks
