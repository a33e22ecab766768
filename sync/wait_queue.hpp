// The queue under every primitive of sync/: waiting fibers in order of arrival, each of which cancellation may take out.
#pragma once

#include <chrono>
#include <mutex>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

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

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

  // Appends the calling fiber, whose wait `self` is, and parks; `lock` is held on entry and free on return. When the wait ended
  // otherwise than by wake_one or wake_all, the fiber is out of the queue again.
  wake wait(parker& self, lock_type& lock, time_point limit = time_point::max());

  // Wakes the first fiber whose wait has not ended otherwise; false if there is none. The lock is held.
  bool wake_one() noexcept;
  // Wakes all; how many. The lock is held.
  std::size_t wake_all() noexcept;

  // For who waits for several things at once: a wait by a ticket from elsewhere, queued until it is woken or taken back. The lock is held.
  struct node {  // stands on the waiting fiber's stack
    ticket waiting;
    node* previous = nullptr;
    node* next = nullptr;
    bool queued = false;
  };
  void append(node& n) noexcept;
  void remove(node& n) noexcept;

 private:
  node* first_ = nullptr;
  node* last_ = nullptr;
};

}  // namespace weft
