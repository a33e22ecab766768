#include <weft/sync/wait_queue.hpp>

namespace weft {

wake wait_queue::wait(parker& self, lock_type& lock, time_point limit) {
  node n;
  n.waiting = self.id();
  append(n);
  const wake why = self.park_until(limit, [&lock] { lock.unlock(); });
  if (why != wake::signalled) {
    std::lock_guard guard(lock);
    if (n.queued) remove(n);
  }
  return why;
}

bool wait_queue::wake_one() noexcept {
  while (first_ != nullptr) {
    node& n = *first_;
    remove(n);
    if (n.waiting.signal()) return true;
  }
  return false;
}

std::size_t wait_queue::wake_all() noexcept {
  std::size_t woken = 0;
  while (wake_one()) ++woken;
  return woken;
}

void wait_queue::append(node& n) noexcept {
  n.previous = last_;
  n.queued = true;
  (last_ != nullptr ? last_->next : first_) = &n;
  last_ = &n;
}

void wait_queue::remove(node& n) noexcept {
  (n.previous != nullptr ? n.previous->next : first_) = n.next;
  (n.next != nullptr ? n.next->previous : last_) = n.previous;
  n.previous = n.next = nullptr;
  n.queued = false;
}

}  // namespace weft
