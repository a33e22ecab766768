// A worker without work: looking for some elsewhere, and sleeping.
#include <algorithm>

#include <weft/scheduler/detail/fences.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

namespace {

using namespace std::chrono_literals;

// A fiber in another's run-next slot normally runs at once; one that a searcher sees there for this long is stuck behind a hog.
constexpr auto stuck_after = 20us;
// Another worker's timer is fired by us when it is later than this: its owner computes.
constexpr auto overdue_after = 1ms;
// Backstops in a row that a worker keeps to while all sleep.
constexpr unsigned most_quiet_sleeps = 100;

}  // namespace

// ---------------------------------------------------------------------------------------------------- looking

fiber* worker::find_elsewhere() noexcept {
  if (fiber* f = runtime_->fibers.pop()) return f;
  handed_ = runtime_->tasks.pop();
  if (handed_ == nullptr) handed_ = steal_task();
  if (handed_ != nullptr) return idle_host();
  if (fiber* f = steal_fiber()) return f;
  if (runtime_->stopping()) {  // hosts end one after the other, then main returns from run_thread()
    if (idle_hosts_ != nullptr) return idle_host();
    if (fiber* f = runtime_->take_pooled_host()) return f;
    return main_;
  }
  return nullptr;
}

// Taking one tiny task after the other from a worker that makes them faster than they travel slows both down: wait a little
// longer each time, up to about 2 us, until a task was worth it.
void worker::back_off_from_crumbs() noexcept {
  const int pauses = 2 << std::min(crumbs_, 5);
  for (int i = 0; i < pauses; ++i) spin_hint();
}

task_node* worker::steal_task() noexcept {
  if (crumbs_ > 0) back_off_from_crumbs();
  const auto& workers = runtime_->workers();
  random_ = random_ * 1664525 + 1013904223;
  const std::size_t start = random_ >> 16;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    worker& victim = *workers[(start + i) % workers.size()];
    if (&victim == this || victim.tasks_.empty()) continue;
    if (task_node* task = victim.tasks_.steal()) {
      tasks_stolen_.add();
      task_is_stolen_ = true;
      return task;
    }
  }
  return nullptr;
}

fiber* worker::steal_fiber() noexcept {
  for (const auto& victim : runtime_->workers()) {
    if (victim.get() == this) continue;
    if (fiber* f = take_half_of(*victim)) return f;
    if (fiber* f = take_stuck_next(*victim)) return f;
  }
  return nullptr;
}

fiber* worker::take_half_of(worker& victim) noexcept {
  ready_ring::batch batch;
  const std::uint32_t n = victim.ready_.take_half(batch);
  for (std::uint32_t i = 1; i < n; ++i) push_ready(batch[i]);
  fibers_stolen_.add(n);
  return n > 0 ? batch[0] : nullptr;
}

fiber* worker::take_stuck_next(worker& victim) noexcept {
  sighting& seen = sightings_[victim.index_];
  if (!seen.stuck) return nullptr;
  seen = {};
  fiber* f = victim.take_next();
  if (f != nullptr) fibers_stolen_.add();
  return f;
}

bool worker::work_in_sight(clock::time_point now) noexcept {
  if (!runtime_->fibers.empty() || !runtime_->tasks.empty()) return true;
  for (const auto& victim : runtime_->workers()) {
    if (victim.get() == this) continue;
    if (!victim->tasks_.empty() || !victim->ready_.empty()) return true;
    sighting& seen = sightings_[victim->index_];
    fiber* next = victim->next_.load(std::memory_order_relaxed);
    const std::uint64_t switches = victim->switches_.get();
    if (next != nullptr && next == seen.next && switches == seen.switches) {
      seen.stuck = now - seen.since > stuck_after;
      if (seen.stuck) return true;
    } else {
      seen = {next, switches, now, false};
    }
  }
  return false;
}

bool worker::fire_overdue_elsewhere(clock::time_point now) noexcept {
  std::size_t fired = 0;
  for (const auto& victim : runtime_->workers()) {
    if (victim.get() != this) fired += victim->timers_.fire_due(now - overdue_after);
  }
  return fired > 0;
}

// ---------------------------------------------------------------------------------------------------- sleeping

void worker::begin_search() noexcept {
  searching_ = careful_ = true;
  runtime_->idle.begin_search();
}

// The last searcher that found work hands the search on: there may be more.
void worker::end_search() noexcept {
  searching_ = false;
  if (runtime_->idle.end_search()) runtime_->wake_if_wanted();
}

// The dispatcher's idle hook. Returns at any doubt; the dispatcher then picks again.
void worker::suspend_until(const clock::time_point& until) noexcept {
  if (has_local_work() || search_awhile()) return;  // a task that was refused a stack may have left some
  searching_ = false;
  runtime_->idle.end_search();
  runtime_->idle.add(index_);
  // Whoever makes work now sees us asleep, or we see the work. Other workers push without a fence; all others use one.
  if (runtime_->workers().size() > 1) {
    heavy_fence();
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  if (!notified_.load(std::memory_order_relaxed) && !runtime_->stopping() && !work_in_sight(clock::now())) sleep(until);
  if (!runtime_->idle.remove(index_)) {  // woken as the searcher
    searching_ = careful_ = true;
    quiet_sleeps_ = 0;
  }
  notified_.exchange(false, std::memory_order_acq_rel);  // the dispatcher looks at Boost's remote queue next
}

// True when there is something to do. Only the work of others makes looking worth while.
bool worker::search_awhile() noexcept {
  if (!searching_) begin_search();
  auto now = clock::now();
  const auto give_up = now + runtime_->settings().spin;
  for (int round = 0;; ++round, now = clock::now()) {
    if (notified_.load(std::memory_order_relaxed)) {
      notified_.exchange(false, std::memory_order_acq_rel);
      return true;
    }
    if (runtime_->stopping() || work_in_sight(now)) return true;
    if (driver_->busy() && driver_->poll()) return true;
    if (timers_.next() <= now || fire_overdue_elsewhere(now)) return true;
    if (now >= give_up) return false;
    for (int i = 0; i < std::min(round + 4, 64); ++i) spin_hint();
  }
}

void worker::sleep(clock::time_point until) noexcept {
  until = std::min(until, timers_.next());
  const auto& workers = runtime_->workers();
  for (const auto& other : workers) {
    const auto next = other->timers_.next();
    if (other.get() != this && next != clock::time_point::max()) until = std::min(until, next + overdue_after);
  }
  until = std::min(until, backstop());
  sleeps_.add();
  driver_->wait(until);
}

// When to look around although nobody calls. Once all have slept for long they need not: whoever finds work first then calls one to watch
// (end_quiet), since it may compute for long and leave what it has woken lying.
worker::clock::time_point worker::backstop() noexcept {
  const auto every = runtime_->settings().backstop;
  if (every <= 0ns || runtime_->workers().size() == 1) return clock::time_point::max();
  if (runtime_->idle.sleepers() == runtime_->workers().size() && ++quiet_sleeps_ > most_quiet_sleeps) {
    runtime_->unwatched.store(true, std::memory_order_relaxed);
    return clock::time_point::max();
  }
  return clock::now() + every;
}

void worker::end_quiet() noexcept {
  quiet_sleeps_ = 0;
  if (runtime_->unwatched.exchange(false, std::memory_order_relaxed)) runtime_->wake_if_wanted();
}

}  // namespace weft::detail
