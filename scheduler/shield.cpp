#include <weft/scheduler/shield.hpp>

namespace weft {

// A scope without a parent: no cancellation from above reaches it.
shield::shield(std::chrono::nanoseconds grace, std::source_location site)
    : outer_(&detail::current_scope("a shield")), scope_(detail::detached, *outer_), grace_(scope_, grace) {
  scope_.set_label({}, site);
  detail::enter_scope(scope_);
}

shield::~shield() { detail::leave_scope(scope_, *outer_); }

}  // namespace weft
