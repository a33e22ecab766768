#include <weft/scheduler/driver.hpp>

#include <stdexcept>
#include <utility>

#include <weft/scheduler/detail/futex_driver.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

namespace detail {

namespace {

driver_factory choose_futexes(const std::string& wanted) {
  if (!wanted.empty()) {
    throw std::invalid_argument("weft: options::io is '" + wanted +
                                "', but no I/O module is linked; leave it empty, or call something of weft::io");
  }
  return [](unsigned) { return std::make_unique<futex_driver>(); };
}

driver_chooser& registered_chooser() {
  static driver_chooser chooser = choose_futexes;
  return chooser;
}

}  // namespace

driver_factory choose_driver(const std::string& wanted) { return registered_chooser()(wanted); }

}  // namespace detail

void set_driver_chooser(driver_chooser chooser) { detail::registered_chooser() = std::move(chooser); }

driver* current_driver() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr ? &w->io() : nullptr;
}

}  // namespace weft
