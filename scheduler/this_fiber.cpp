#include <weft/scheduler/this_fiber.hpp>

#include <thread>

#include <weft/scheduler/detail/clock.hpp>
#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {

namespace {

constexpr wait_kind sleep_wait{"sleep"};

// The caller's worker, after a cancellation check; nullptr outside a fiber.
detail::worker* worker_at_checkpoint() {
  detail::worker* w = detail::this_worker();
  if (w == nullptr || !w->current()->may_park()) return nullptr;
  if (w->current()->current_scope->is_cancelled()) [[unlikely]]
    check_cancelled();
  return w;
}

// On a worker, but where it cannot be kept from going on; not in a process that fork(2) has made, where there are no workers any more.
bool must_not_wait() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr && !w->runtime().is_gone();
}

// A function of its own, as it looks at errno, whose address must not be kept across a switch.
[[gnu::noinline]] void sleep_thread_until(std::chrono::steady_clock::time_point when) {
  std::this_thread::sleep_until(when);
}

}  // namespace

void yield() {
  if (detail::worker* w = worker_at_checkpoint()) w->yield();
}

void yield_after_slice() {
  detail::worker* w = worker_at_checkpoint();
  if (w == nullptr) return;
  w->yield_after_slice();
  worker_at_checkpoint();  // who was cancelled while he stood in the queue does not begin another slice
}

void sleep_until(std::chrono::steady_clock::time_point when) {
  if (!in_fiber() && !must_not_wait()) {
    sleep_thread_until(when);
    return;
  }
  if (when <= detail::now()) return yield();
  const wake why = parker(sleep_wait).park_until(when, [] {});
  if (why == wake::cancelled) throw_cancelled();
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
