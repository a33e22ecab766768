#include <weft/scheduler/this_fiber.hpp>

#include <thread>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {

namespace {

// The caller's worker, after a cancellation check; nullptr outside a fiber.
detail::worker* worker_at_checkpoint() {
  detail::worker* w = detail::this_worker();
  if (w == nullptr || !w->current()->may_park()) return nullptr;
  if (w->current()->current_scope->is_cancelled()) [[unlikely]]
    check_cancelled();
  return w;
}

}  // namespace

void yield() {
  if (detail::worker* w = worker_at_checkpoint()) w->yield();
}

void yield_after_slice() {
  if (detail::worker* w = worker_at_checkpoint()) w->yield_after_slice();
}

void sleep_until(std::chrono::steady_clock::time_point when) {
  if (!in_fiber()) {
    std::this_thread::sleep_until(when);
    return;
  }
  if (when <= std::chrono::steady_clock::now()) return yield();
  parker self;
  if (self.park_until(when, [] {}) == wake::cancelled) throw_cancelled();
}

void sleep_for(std::chrono::nanoseconds duration) { sleep_until(parker::from_now(duration)); }

bool in_fiber() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr && w->current()->may_park();
}

int current_worker() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr ? static_cast<int>(w->index()) : -1;
}

}  // namespace weft
