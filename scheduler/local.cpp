#include <weft/scheduler/local.hpp>

#include <stdexcept>

#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

context_value* current_context() noexcept {
  worker* w = this_worker();
  return w != nullptr ? w->current()->context_values : nullptr;
}

context_value* exchange_context(context_value* v) {
  worker* w = this_worker();
  if (w == nullptr || !w->current()->may_park()) {
    throw std::logic_error("weft: a value is bound for a fiber, and there is none: bind it inside weft::run");
  }
  return std::exchange(w->current()->context_values, v);
}

}  // namespace weft::detail
