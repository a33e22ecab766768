#include <weft/io/hooks/detail/parking_lot.hpp>

#include <bit>

namespace weft::io::hooks {

namespace {

// Of the thread, and of the signal handlers that interrupt it.
struct thread_side {
  std::atomic<unsigned> depth{0};                       // of enter()
  std::atomic<const void*> parking_for{nullptr};        // between begin_parking() and end_parking()
  std::array<std::atomic<std::uint64_t>, 4> put_off{};  // a bit a place
};
constinit thread_local thread_side this_thread;

}  // namespace

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

[[gnu::noinline]] void parking_lot::enter() noexcept { this_thread.depth.fetch_add(1, std::memory_order_relaxed); }

[[gnu::noinline]] void parking_lot::exit() noexcept {
  const bool outermost = this_thread.depth.fetch_sub(1, std::memory_order_relaxed) == 1;
  if (outermost && this_thread.parking_for.load(std::memory_order_relaxed) == nullptr) wake_those_put_off();
}

[[gnu::noinline]] void parking_lot::begin_parking(const void* key) noexcept {
  this_thread.parking_for.store(key, std::memory_order_relaxed);
}

[[gnu::noinline]] void parking_lot::end_parking() noexcept {
  this_thread.parking_for.store(nullptr, std::memory_order_relaxed);
  wake_those_put_off();
}

bool parking_lot::wake_later(const bucket& b, const void* key) noexcept {
  if (this_thread.depth.load(std::memory_order_relaxed) == 0 &&
      this_thread.parking_for.load(std::memory_order_relaxed) != key)
    return false;
  const auto place = static_cast<std::size_t>(&b - buckets_.data());
  this_thread.put_off[place / 64].fetch_or(std::uint64_t{1} << place % 64, std::memory_order_relaxed);
  return true;
}

void parking_lot::wake_those_put_off() noexcept {
  for (std::size_t i = 0; i < this_thread.put_off.size(); ++i) {
    if (this_thread.put_off[i].load(std::memory_order_relaxed) == 0) [[likely]]
      continue;
    std::uint64_t places = this_thread.put_off[i].exchange(0, std::memory_order_relaxed);
    for (; places != 0; places &= places - 1)
      wake_all_in(buckets_[i * 64 + static_cast<unsigned>(std::countr_zero(places))]);
  }
}

void parking_lot::add(bucket& b, waiter& w) noexcept {
  enter();
  {
    const std::lock_guard guard(b.lock);
    b.count.fetch_add(1, std::memory_order_seq_cst);
    b.append(w);
  }
  exit();
}

// Under the lock nobody is about to copy the ticket any more, and our release step has run.
void parking_lot::leave(bucket& b, waiter& w) noexcept {
  enter();
  {
    const std::lock_guard guard(b.lock);
    if (w.queued) b.remove(w);
  }
  exit();
}

// Of any key, if that is null.
ticket parking_lot::take_first(bucket& b, const void* key) noexcept {
  ticket taken;
  enter();
  {
    const std::lock_guard guard(b.lock);
    waiter* w = b.first;
    while (w != nullptr && key != nullptr && w->key != key) w = w->next;
    if (w != nullptr) {
      b.remove(*w);
      taken = w->wait;
    }
  }
  exit();
  return taken;
}

// Signals without the lock: one who is about to park may still want it for another key.
bool parking_lot::wake_one(const void* key) noexcept {
  bucket& b = bucket_of(key);
  if (wake_later(b, key)) return false;
  while (const ticket first = take_first(b, key)) {
    if (first.signal()) return true;
  }
  return false;
}

void parking_lot::wake_all(const void* key) noexcept {
  while (wake_one(key)) {
  }
}

void parking_lot::wake_all_in(bucket& b) noexcept {
  while (const ticket first = take_first(b, nullptr)) first.signal();
}

}  // namespace weft::io::hooks
