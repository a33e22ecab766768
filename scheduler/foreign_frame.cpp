#include <weft/scheduler/foreign_frame.hpp>

#include <chrono>
#include <cstddef>
#include <utility>

#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {

namespace {

using namespace std::chrono_literals;

constexpr wait_kind unheard_wait{"its turn after a cancellation that was not listened to"};
constexpr auto unheard_pause = 1ms;

detail::fiber* calling_fiber() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr && w->current()->may_park() ? w->current() : nullptr;
}

bool is_on_own_stack(const detail::fiber& f) noexcept {
  if (f.stack_low == nullptr) return true;
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  return here >= f.stack_low && here - f.stack_low < static_cast<std::ptrdiff_t>(f.stack_size);
}

}  // namespace

foreign_frame::foreign_frame() noexcept {
  detail::worker* w = detail::this_worker();
  if (w == nullptr || w->runtime().seeded != nullptr || !w->current()->may_park()) return;
  outer_ = std::exchange(w->current()->bound_to, w);
}

foreign_frame::~foreign_frame() {
  if (detail::fiber* f = calling_fiber()) f->bound_to = outer_;
}

bool may_park_here() noexcept {
  detail::fiber* f = calling_fiber();
  return f != nullptr && !f->wait.is_preparing() && is_on_own_stack(*f);
}

void give_way_unheard() {
  parker(unheard_wait, nullptr, parker::cancellation::ignored).park_until(parker::from_now(unheard_pause), [] {});
}

}  // namespace weft
