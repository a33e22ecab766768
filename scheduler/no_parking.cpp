#include <weft/scheduler/no_parking.hpp>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

namespace {

// Null where there is nothing to forbid: no fiber, or one that may not park already.
detail::fiber* parking_fiber() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr && w->current()->may_park() ? w->current() : nullptr;
}

}  // namespace

// The scheduler looks at the mark when a fiber asks to wait and when it is switched to, and the latter cannot happen
// before the mark is gone.
no_parking::no_parking() noexcept : fiber_(parking_fiber()) {
  if (fiber_ != nullptr) fiber_->pinned = true;
}

no_parking::~no_parking() {
  if (fiber_ != nullptr) fiber_->pinned = false;
}

}  // namespace weft
