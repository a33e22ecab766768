#include <weft/scheduler/detail/timers.hpp>

#include <algorithm>
#include <mutex>

namespace weft::detail {

namespace {
constexpr std::size_t arity = 4;
}

void timer_heap::add(timer& t) {
  std::lock_guard guard(lock_);
  heap_.push_back(&t);
  t.home = this;
  sift_up(heap_.size() - 1, &t);
  publish_next();
}

void timer_heap::cancel(timer& t) noexcept {
  if (t.home == nullptr) return;
  std::unique_lock guard(t.home->lock_);
  for (spin_wait wait; t.position == timer::firing; guard.lock()) {
    guard.unlock();
    wait.pause();
  }
  if (t.position == timer::nowhere) return;
  t.home->remove(t.position);
  t.home->publish_next();
}

std::size_t timer_heap::fire_due(time_point now) noexcept {
  if (next() > now) return 0;
  std::unique_lock guard(lock_);
  std::size_t fired = 0;
  for (; !heap_.empty() && heap_.front()->when <= now; ++fired) {
    timer* t = heap_.front();
    remove(0);
    publish_next();
    t->position = timer::firing;
    guard.unlock();
    t->fire(*t);
    guard.lock();
    t->position = timer::nowhere;
  }
  return fired;
}

void timer_heap::place(timer* t, std::size_t position) noexcept {
  heap_[position] = t;
  t->position = position;
}

void timer_heap::sift_up(std::size_t position, timer* t) noexcept {
  while (position > 0) {
    const std::size_t parent = (position - 1) / arity;
    if (heap_[parent]->when <= t->when) break;
    place(heap_[parent], position);
    position = parent;
  }
  place(t, position);
}

void timer_heap::sift_down(std::size_t position, timer* t) noexcept {
  for (;;) {
    const std::size_t first = position * arity + 1;
    if (first >= heap_.size()) break;
    const std::size_t last = std::min(first + arity, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < last; ++child) {
      if (heap_[child]->when < heap_[least]->when) least = child;
    }
    if (t->when <= heap_[least]->when) break;
    place(heap_[least], position);
    position = least;
  }
  place(t, position);
}

void timer_heap::remove(std::size_t position) noexcept {
  heap_[position]->position = timer::nowhere;
  timer* last = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  if (position > 0 && last->when < heap_[(position - 1) / arity]->when) {
    sift_up(position, last);
  } else {
    sift_down(position, last);
  }
}

void timer_heap::publish_next() noexcept {
  const time_point next = heap_.empty() ? time_point::max() : heap_.front()->when;
  next_.store(next.time_since_epoch().count(), std::memory_order_relaxed);
}

}  // namespace weft::detail
