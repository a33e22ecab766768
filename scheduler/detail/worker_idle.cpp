// A worker without work: looking for some elsewhere, and sleeping.
#include <algorithm>
#include <utility>

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
  if (off_duty() && !runtime_->stopping()) [[unlikely]]
    return nullptr;
  // Those who ended a slice come after what has not begun, or who began early would have many turns before others their first.
  const bool begin_first = std::exchange(slice_ended_, false);
  if (begin_first && take_task_elsewhere()) return idle_host();
  if (fiber* f = runtime_->fibers.pop()) return f;
  if (!begin_first && take_task_elsewhere()) return idle_host();
  if (fiber* f = steal_fiber()) return f;
  if (runtime_->stopping()) {  // hosts end one after the other, then main returns from run_thread()
    if (idle_hosts_ != nullptr) return idle_host();
    if (fiber* f = runtime_->take_pooled_host()) return f;
    return main_;
  }
  return nullptr;
}

bool worker::take_task_elsewhere() noexcept {
  handed_ = runtime_->tasks.pop();
  if (handed_ == nullptr) handed_ = steal_task();
  return handed_ != nullptr;
}

// Taking one tiny task after the other from a worker that makes them faster than they travel slows both down: wait a little
// longer each time, up to about 2 us, until a task was worth it.
void worker::back_off_from_crumbs() noexcept {
  const int pauses = 2 << std::min(crumbs_, 5);
  for (int i = 0; i < pauses; ++i) spin_hint();
}

task_node* worker::steal_task() noexcept {
  if (crumbs_ > 0) back_off_from_crumbs();
  const auto workers = runtime_->workers();
  random_ = random_ * 1664525 + 1013904223;
  const std::size_t start = random_ >> 16;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    worker& victim = *workers[(start + i) % workers.size()];
    if (&victim == this || victim.tasks_.empty() || !may_steal_tasks_of(victim)) continue;
    if (task_node* task = victim.tasks_.steal()) {
      tasks_stolen_.add();
      task_is_stolen_ = task_is_special_ = true;
      note_steal(trace_label::kind::steal_task, victim, 1);
      return task;
    }
  }
  return nullptr;
}

// A spare beside workers that compute is there for fibers that had waited. Were it to take tasks that want to compute, too, there would
// only be more threads than CPUs.
bool worker::may_steal_tasks_of(const worker& victim) const noexcept {
  return !is_spare() || victim.blocked_.load(std::memory_order_relaxed) || runtime_->stopping();
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
  if (n == 0) return nullptr;
  fibers_stolen_.add(n);
  note_steal(trace_label::kind::steal_fibers, victim, n);
  return batch[0];
}

fiber* worker::take_stuck_next(worker& victim) noexcept {
  sighting& seen = sightings_[victim.index_];
  if (!seen.stuck) return nullptr;
  seen = {};
  fiber* f = victim.take_next();
  if (f == nullptr) return nullptr;
  fibers_stolen_.add();
  note_steal(trace_label::kind::steal_fibers, victim, 1);
  return f;
}

void worker::note_steal(trace_label::kind what, const worker& victim, std::uint64_t count) noexcept {
  if (what == trace_label::kind::steal_task) {
    WEFT_PROBE(steal_task, index_, victim.index_);
  } else {
    WEFT_PROBE(steal_fibers, index_, victim.index_, count);
  }
  static_cast<void>(victim);  // where there are no probes
  if (trace_ != nullptr) trace_->instant(what, count);
}

bool worker::work_in_sight(clock::time_point now) noexcept {
  if (!runtime_->fibers.empty() || !runtime_->tasks.empty()) return true;
  for (const auto& victim : runtime_->workers()) {
    if (victim.get() == this) continue;
    if (!victim->ready_.empty() || (!victim->tasks_.empty() && may_steal_tasks_of(*victim))) return true;
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

void worker::begin_search(clock::time_point now) noexcept {
  searching_ = careful_ = true;
  time_.enter(activity::searching, now);
  runtime_->idle.begin_search();
}

// The last searcher that found work hands the search on: there may be more.
void worker::end_search() noexcept {
  searching_ = false;
  time_.enter(activity::running, clock::now());
  if (runtime_->idle.end_search()) runtime_->wake_if_wanted();
}

// The dispatcher's idle hook. Returns at any doubt; the dispatcher then picks again.
void worker::suspend_until(const clock::time_point& until) noexcept {
  if (runtime_->seeded != nullptr) [[unlikely]]
    return wait_by_seed(until);
  if (off_duty() && !runtime_->stopping()) [[unlikely]]
    return sleep_off_duty(until);
  if (has_local_work() || search_awhile()) return;  // a task that was refused a stack may have left some
  searching_ = false;
  runtime_->idle.end_search();
  operations_pending_.store(driver_->busy(), std::memory_order_relaxed);
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
  runtime_->watcher.worker_woke();  // no earlier, or the monitor could still see us asleep, and fall asleep itself
  time_.enter(searching_ ? activity::searching : activity::running, clock::now());
  notified_.exchange(false, std::memory_order_acq_rel);  // the dispatcher looks at Boost's remote queue next
}

// Out of the set of those who can be woken for work; its own timers and completions wake it, and then what they made ready is handed
// over. Whoever claimed it before it left wanted a searcher: the claim is passed on.
void worker::sleep_off_duty(clock::time_point until) noexcept {
  if (std::exchange(searching_, false) && runtime_->idle.end_search()) runtime_->wake_if_wanted();
  operations_pending_.store(driver_->busy(), std::memory_order_relaxed);
  if (!has_local_work() && !notified_.load(std::memory_order_relaxed)) {
    runtime_->resting.fetch_add(1, std::memory_order_seq_cst);
    until = std::min(until, timers_.next());
    wait(until == clock::time_point::max() ? until_deadlock_is_looked_for() : until);
    runtime_->resting.fetch_sub(1, std::memory_order_seq_cst);
    runtime_->watcher.worker_woke();
  }
  time_.enter(activity::running, clock::now());
  notified_.exchange(false, std::memory_order_acq_rel);
}

// True when there is something to do. Only the work of others makes looking worth while.
bool worker::search_awhile() noexcept {
  auto now = clock::now();
  if (!searching_) begin_search(now);
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
  const auto workers = runtime_->workers();
  for (const auto& other : workers) {
    const auto next = other->timers_.next();
    if (other.get() != this && next != clock::time_point::max()) until = std::min(until, next + overdue_after);
  }
  if (until == clock::time_point::max()) until = until_deadlock_is_looked_for();
  wait(std::min(until, backstop()));
}

// Where all sleep; the last to fall asleep sees that.
worker::clock::time_point worker::until_deadlock_is_looked_for() noexcept {
  if (!runtime_->settings().detect_deadlock || !runtime_->all_asleep()) return clock::time_point::max();
  return runtime_->deadlocks.before_sleep();
}

void worker::wait(clock::time_point until) noexcept {
  sleeps_.add();
  time_.enter(activity::asleep, clock::now());
  WEFT_PROBE(worker_sleep, index_, until.time_since_epoch().count());
  if (trace_ != nullptr) trace_->begin(trace_label(trace_label::kind::asleep));
  driver_->wait(until);
  if (trace_ != nullptr) trace_->begin(trace_label());
  WEFT_PROBE(worker_wake, index_);
}

// When to look around although nobody calls. Once all have slept for long they need not: whoever finds work first then calls one to watch
// (end_quiet), since it may compute for long and leave what it has woken lying.
worker::clock::time_point worker::backstop() noexcept {
  const auto every = runtime_->settings().backstop;
  if (every <= 0ns || runtime_->workers().size() == 1) return clock::time_point::max();
  if (runtime_->all_asleep() && ++quiet_sleeps_ > most_quiet_sleeps) {
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
