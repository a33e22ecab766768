// The queue under the primitives of sync/: those who wait, in order of arrival, each of which cancellation may take out. Fibers park; threads
// that run no fiber block, where the kind of wait allows it.
#pragma once

#include <chrono>
#include <mutex>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/waiter_list.hpp>

namespace weft {

// Guarded by a lock of the primitive it belongs to, which wait() releases once the fiber's stack is out of use. Destroying one with
// waiters is an error of the program.
class wait_queue {
 public:
  using lock_type = spin_lock;
  using time_point = parker::time_point;

  wait_queue() = default;
  wait_queue(const wait_queue&) = delete;
  wait_queue& operator=(const wait_queue&) = delete;

  [[nodiscard]] bool empty() const noexcept { return waiters_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiters_.size(); }

  // Appends the calling fiber, whose wait `self` is, and parks; `lock` is held on entry and free on return. When the wait ended
  // otherwise than by wake_one or wake_all, the fiber is out of the queue again.
  wake wait(parker& self, lock_type& lock, time_point limit = time_point::max());

  // Wakes the first fiber whose wait has not ended otherwise; false if there is none. The lock is held.
  bool wake_one() noexcept;
  // Wakes all; how many. The lock is held.
  std::size_t wake_all() noexcept;

  // For who waits for several things at once: a wait by a ticket from elsewhere, queued until it is woken or taken back. The lock is held.
  struct node : detail::waiter_links<node> {  // stands on the stack of who waits
    ticket waiting;
    bool woken = false;  // it was this node that ended the wait; to be read with the lock held
  };
  void append(node& n) noexcept { waiters_.push_back(n); }
  void remove(node& n) noexcept { waiters_.remove(n); }

 private:
  detail::waiter_list<node> waiters_;
};

}  // namespace weft
