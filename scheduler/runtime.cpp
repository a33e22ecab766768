#include <weft/scheduler/runtime.hpp>

#include <stdexcept>

#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

void detail::run_root(runtime_core& core, root_call& call) { core.run_root(call); }

runtime::runtime(options o) : core_(std::make_unique<detail::runtime_core>(std::move(o))) {}
runtime::~runtime() {
  if (core_->is_gone()) {
    [[maybe_unused]] const auto* left_behind =
        core_.release();  // its threads cannot be joined, and nothing of it is in use
  }
}

unsigned runtime::workers() const noexcept { return core_->wanted_workers(); }

runtime_statistics runtime::statistics() const { return core_->statistics(); }

runtime_statistics runtime::current_statistics() {
  detail::worker* w = detail::this_worker();
  if (w == nullptr) throw std::logic_error("weft: no runtime runs the calling thread; call this inside weft::run");
  return w->runtime().statistics();
}

}  // namespace weft
