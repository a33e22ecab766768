#include <weft/scheduler/schedule_point.hpp>

#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

std::atomic<unsigned> seeded_runs{0};
std::atomic<unsigned> attention{0};

void switch_by_seed() noexcept {
  worker* w = this_worker();
  if (w != nullptr && w->runtime().seeded != nullptr) w->schedule_point();
}

void give_way_if_asked() noexcept {
  worker* w = this_worker();
  if (w == nullptr) return;
  if (w->runtime().seeded != nullptr) return w->schedule_point();
  const fiber& f = *w->current();
  if (f.may_park() && !f.wait.is_preparing() && w->withdraw_turn_request()) w->yield_after_slice();
}

// Counted where any point sees it: that is all they look at.
void worker::request_turn() noexcept {
  if (!turn_requested_.exchange(true, std::memory_order_relaxed)) attention.fetch_add(1, std::memory_order_relaxed);
}

bool worker::withdraw_turn_request() noexcept {
  if (!turn_requested_.load(std::memory_order_relaxed)) return false;
  if (!turn_requested_.exchange(false, std::memory_order_relaxed)) return false;
  attention.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

}  // namespace weft::detail
