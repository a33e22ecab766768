#include <weft/io/hooks/detail/parking_lot.hpp>

namespace weft::io::hooks {

constinit std::array<parking_lot::bucket, 256> parking_lot::buckets_{};

void parking_lot::bucket::append(waiter& w) noexcept {
  w.previous = last;
  (last != nullptr ? last->next : first) = &w;
  last = &w;
  w.queued = true;
}

void parking_lot::bucket::remove(waiter& w) noexcept {
  (w.previous != nullptr ? w.previous->next : first) = w.next;
  (w.next != nullptr ? w.next->previous : last) = w.previous;
  w.queued = false;
  count.fetch_sub(1, std::memory_order_relaxed);
}

// Under the lock nobody is about to copy the ticket any more, and our release step has run.
void parking_lot::leave(bucket& b, waiter& w) noexcept {
  const std::lock_guard guard(b.lock);
  if (w.queued) b.remove(w);
}

ticket parking_lot::take_first(bucket& b, const void* key) noexcept {
  const std::lock_guard guard(b.lock);
  waiter* w = b.first;
  while (w != nullptr && w->key != key) w = w->next;
  if (w == nullptr) return {};
  b.remove(*w);
  return w->wait;
}

// Signals without the lock: one who is about to park may still want it for another key.
bool parking_lot::wake_one(const void* key) noexcept {
  bucket& b = bucket_of(key);
  while (const ticket first = take_first(b, key)) {
    if (first.signal()) return true;
  }
  return false;
}

void parking_lot::wake_all(const void* key) noexcept {
  while (wake_one(key)) {
  }
}

}  // namespace weft::io::hooks
