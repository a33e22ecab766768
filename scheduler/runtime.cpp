#include <weft/scheduler/runtime.hpp>

#include <stdexcept>

#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

worker_statistics& worker_statistics::operator+=(const worker_statistics& other) noexcept {
  switches += other.switches;
  spawns += other.spawns;
  tasks_run += other.tasks_run;
  parks += other.parks;
  tasks_stolen += other.tasks_stolen;
  fibers_stolen += other.fibers_stolen;
  wakes += other.wakes;
  sleeps += other.sleeps;
  operations += other.operations;
  return *this;
}

worker_statistics runtime_statistics::total() const noexcept {
  worker_statistics sum;
  for (const worker_statistics& w : workers) sum += w;
  return sum;
}

void detail::run_root(runtime_core& core, root_call& call) { core.run_root(call); }

runtime::runtime(options o) : core_(std::make_unique<detail::runtime_core>(std::move(o))) {}
runtime::~runtime() = default;

unsigned runtime::workers() const noexcept { return core_->settings().workers; }

runtime_statistics runtime::statistics() const { return core_->statistics(); }

runtime_statistics runtime::current_statistics() {
  detail::worker* w = detail::this_worker();
  if (w == nullptr) throw std::logic_error("weft: no runtime runs the calling thread; call this inside weft::run");
  return w->runtime().statistics();
}

}  // namespace weft
