#include <weft/sync/wait_queue.hpp>

namespace weft {

wake wait_queue::wait(parker& self, lock_type& lock, time_point limit) {
  node n;
  n.waiting = self.id();
  waiters_.push_back(n);
  const wake why = self.park_until(limit, [&lock] { lock.unlock(); });
  if (why != wake::signalled) {
    std::lock_guard guard(lock);
    if (n.queued) waiters_.remove(n);
  }
  return why;
}

bool wait_queue::wake_one() noexcept {
  while (node* n = waiters_.pop_front()) {
    n->woken = true;  // first, as the node may be gone after the signal
    if (n->waiting.signal()) return true;
    n->woken = false;
  }
  return false;
}

std::size_t wait_queue::wake_all() noexcept {
  std::size_t woken = 0;
  while (wake_one()) ++woken;
  return woken;
}

}  // namespace weft
