// Something that is done once, by whoever comes first; the others wait until it has been done.
//
// Afterwards a call costs one load. For what may be done again after it has failed: an exception passes the right on to the next.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include <weft/sync/wait_queue.hpp>

namespace weft {

struct once_statistics {
  bool done = false;
  std::size_t waiters = 0;  // now
};

// The state of one such thing, as std::once_flag; for fibers and threads.
class once_flag {
 public:
  once_flag() = default;
  // Nobody may wait: ends the process otherwise.
  ~once_flag();
  once_flag(const once_flag&) = delete;
  once_flag& operator=(const once_flag&) = delete;

  [[nodiscard]] once_statistics statistics() const noexcept;

 private:
  template <class F, class... Args>
  friend void call_once(once_flag& flag, F&& f, Args&&... args);

  enum class state : std::uint8_t { open, running, done };

  // The caller's turn; ends as done or, when what it did has thrown, as open again.
  class turn {
   public:
    explicit turn(once_flag& flag) : flag_(flag), mine_(flag.begin()) {}
    ~turn() {
      if (mine_) flag_.end(succeeded_ ? state::done : state::open);
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    explicit operator bool() const noexcept { return mine_; }
    void succeed() noexcept { succeeded_ = true; }

   private:
    once_flag& flag_;
    const bool mine_;
    bool succeeded_ = false;
  };

  // True if the caller is to do it; waits while another does.
  bool begin();
  void end(state s) noexcept;

  std::atomic<state> state_{state::open};
  std::atomic<const void*> holder_{nullptr};  // an address on the stack of who does it
  mutable wait_queue::lock_type lock_;
  wait_queue waiters_;
};

// Calls f(args...) unless a call with this flag has returned, and returns after one has. If f throws (also `cancelled`), that comes out here, and one who
// waits tries in turn. A cancellation point where it waits for another's call. Throws std::system_error (resource_deadlock_would_occur) if called
// from within f by the same fiber.
template <class F, class... Args>
void call_once(once_flag& flag, F&& f, Args&&... args) {
  if (flag.state_.load(std::memory_order_acquire) == once_flag::state::done) [[likely]]
    return;
  once_flag::turn turn(flag);
  if (!turn) return;
  std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
  turn.succeed();
}

}  // namespace weft
