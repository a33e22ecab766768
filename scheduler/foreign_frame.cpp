#include <weft/scheduler/foreign_frame.hpp>

#include <chrono>
#include <cstddef>
#include <utility>

#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/driver.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {

namespace {

using namespace std::chrono_literals;

constexpr wait_kind unheard_wait{"its turn after a cancellation that was not listened to"};
constexpr auto unheard_pause = 1ms;

// A worker's thread has no current fiber while it is being set up.
detail::fiber* calling_fiber() noexcept {
  detail::worker* w = detail::this_worker();
  detail::fiber* f = w != nullptr ? w->current() : nullptr;
  return f != nullptr && f->may_park() ? f : nullptr;
}

bool is_on_own_stack(const detail::fiber& f) noexcept {
  if (f.stack_low == nullptr) return true;
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  return here >= f.stack_low && here - f.stack_low < static_cast<std::ptrdiff_t>(f.stack_size);
}

}  // namespace

foreign_frame::foreign_frame() noexcept {
  detail::fiber* f = calling_fiber();
  if (f == nullptr || f->runtime->seeded != nullptr) return;
  outer_ = std::exchange(f->bound_to, detail::this_worker());
}

foreign_frame::~foreign_frame() {
  if (detail::fiber* f = calling_fiber()) f->bound_to = outer_;
}

bool may_park_here() noexcept {
  detail::fiber* f = calling_fiber();
  return f != nullptr && !f->wait.is_preparing() && is_on_own_stack(*f);
}

std::uint64_t fiber_number() noexcept {
  const detail::fiber* f = calling_fiber();
  return f != nullptr ? f->number : 0;
}

void interrupt_own_worker() noexcept {
  if (driver* d = current_driver()) d->interrupt();
}

void give_way_unheard() {
  parker(unheard_wait, nullptr, parker::cancellation::ignored).park_until(parker::from_now(unheard_pause), [] {});
}

}  // namespace weft
