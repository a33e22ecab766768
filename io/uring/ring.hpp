// One io_uring, set up with the best flags that the kernel knows, and proved to work before it is used.
#pragma once

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace weft::io::uring {

// Owned and used by one thread, the one that makes it. Another may call reap() and the functions that are const, while no other call of reap() is
// under way.
class ring {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  // Throws std::system_error; the message names the worker, the cause and the remedy (explain_failure).
  explicit ring(unsigned worker);
  ~ring();
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  // A free submission entry. When there is none, what is queued is submitted first; nullptr if the kernel takes nothing just now.
  [[nodiscard]] io_uring_sqe* entry() noexcept;

  // True if entering the kernel would do something: entries are queued, or completions wait to be posted.
  [[nodiscard]] bool wants_enter() const noexcept;
  [[nodiscard]] bool has_deferred_completions() const noexcept;

  // Submits what is queued and has the kernel post completions that are due (20 at most in one call). Never blocks.
  void enter() noexcept;

  // What enter() does about completions, but in the handler of a signal on the owner's thread, wherever that is: a system call, and no memory of the
  // ring is written. Until all are posted, or for `most_rounds` of 20.
  void post_in_handler(int most_rounds) const noexcept;
  // Submits what is queued. In such a handler only while the owner is in none of the other functions.
  void submit() noexcept { io_uring_submit(&ring_); }

  // The same, then sleeps until a completion is there or the time has come (time_point::max(): no limit).
  void enter_and_wait(time_point until) noexcept;

  // Calls handle(user_data, result, flags) for each completion posted; true if there was any. handle may queue entries.
  template <class Handle>
  bool reap(Handle&& handle) noexcept {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      handle(completion->user_data, completion->res, completion->flags);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    return count != 0;
  }

  // Receives may be told to look for readiness first (kernel 5.19).
  [[nodiscard]] bool can_poll_first() const noexcept { return (flags_ & IORING_SETUP_COOP_TASKRUN) != 0; }
  [[nodiscard]] unsigned flags() const noexcept { return flags_; }

 private:
  void set_up(unsigned worker);
  int try_sizes(unsigned flags) noexcept;
  void verify(unsigned worker);
  void tell_unexpected(const char* call, int error) const noexcept;

  io_uring ring_{};
  unsigned flags_ = 0;
};

// Why the kernel refuses rings, and what to do about it. `disabled_setting` is the value of kernel.io_uring_disabled, -1 where
// there is no such setting.
[[nodiscard]] std::string explain_failure(unsigned worker, int error, int disabled_setting);

}  // namespace weft::io::uring
