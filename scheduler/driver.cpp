#include <weft/scheduler/driver.hpp>

#include <utility>

#include <weft/scheduler/detail/futex_driver.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

namespace detail {

namespace {
driver_factory& registered_factory() {
  static driver_factory factory = [](unsigned) { return std::make_unique<futex_driver>(); };
  return factory;
}
}  // namespace

driver_factory default_driver_factory() { return registered_factory(); }

}  // namespace detail

void set_default_driver_factory(driver_factory factory) { detail::registered_factory() = std::move(factory); }

driver* current_driver() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr ? &w->io() : nullptr;
}

}  // namespace weft
