// The worker of a seeded run (testing.hpp): every choice of who runs is made in one place, by the seed.
//
// The rare ways of the scheduler are the usual ones here, so that its common ways need not know of seeded runs: each pick is a careful
// one; somebody always seems to be asleep, so a spawn goes and wakes; each look at a scope is a full one; a fiber is never registered
// with its scope when it comes to wait.
#include <algorithm>

#include <weft/scheduler/detail/seeded_run.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/scheduler/testing.hpp>

namespace weft::detail {

namespace {

using namespace std::chrono_literals;

// I/O that has not completed after this long waits for something that the run itself has to do.
constexpr auto patience_with_io = 2ms;

// When anything comes. A fiber that runs alone and gives way again and again may be waiting for what is under way in a simulation.
std::chrono::steady_clock::time_point soonest(const seeded_run& run, std::chrono::steady_clock::time_point timer) {
  return run.world() != nullptr ? std::min(run.world()->soonest(), timer) : timer;
}

constexpr const char* nothing_will_come = "deadlock: no fiber can run, and nothing is left that could wake one";

}  // namespace

// Not on the dispatcher, not on a host between tasks, not between a parker's making and its park.
void worker::schedule_point() noexcept {
  if (!current_->may_park() || current_->wait.is_preparing() || !runtime_->seeded->preempts()) return;
  boost::fibers::context* self = current_->context();
  pick_next()->resume(self);
}

// What an earlier schedule has counted must not show in the next one.
void worker::begin_schedule() noexcept {
  switches_.add(0 - switches_.get());
  tasks_run_.add(0 - tasks_run_.get());
}

// Whoever gives way goes to the dispatcher first: only there is he among those who can run, and so are all whom his release step has woken.
fiber* worker::choose_by_seed() noexcept {
  careful_ = true;
  if (current_ != dispatcher_) {
    notified_.exchange(false, std::memory_order_acq_rel);
    return dispatcher_;
  }
  if (driver_->busy() && driver_->poll()) runtime_->seeded->note_arrival();
  poll();
  gather_ready();
  if (!timers_.empty() && runtime_->seeded->timer_is_due_early(ready_count())) {
    runtime_->seeded->advance_to(soonest(*runtime_->seeded, timers_.next()));
    poll();
    gather_ready();
  }
  poll_wanted_ = true;  // a host that is done with its task leaves the next choice to us
  return ready_count() > 0 ? take_by_seed() : find_elsewhere();
}

void worker::gather_ready() noexcept {
  while (fiber* f = take_next()) runtime_->fibers.push(f, f, 1);
  while (fiber* f = ready_.pop()) runtime_->fibers.push(f, f, 1);
  while (task_node* task = tasks_.steal()) runtime_->tasks.push(task, task, 1);
}

std::uint32_t worker::ready_count() const noexcept {
  return static_cast<std::uint32_t>(runtime_->fibers.size() + runtime_->tasks.size());
}

fiber* worker::take_by_seed() noexcept {
  seeded_run& run = *runtime_->seeded;
  const std::uint32_t count = ready_count();
  const std::uint32_t chosen = run.choose(count);
  const auto fibers = static_cast<std::uint32_t>(runtime_->fibers.size());
  if (chosen >= fibers) {
    handed_ = runtime_->tasks.take(chosen - fibers);
    const task_node* begins = handed_;
    fiber* host = idle_host();
    if (host != nullptr) run.print_choice(*host, begins, count);
    return host;
  }
  fiber* f = runtime_->fibers.take(chosen);
  if (f->registered != nullptr) f->registered->remove_member(*f);
  run.print_choice(*f, nullptr, count);
  return f;
}

// Nothing can run: time passes, unless something outside is at work; if there is no timer either, nothing ever will.
void worker::wait_by_seed(clock::time_point until) noexcept {
  seeded_run& run = *runtime_->seeded;
  const auto something_to_do = [this] { return has_local_work() || ready_count() > 0 || runtime_->stopping(); };
  if (notified_.exchange(false, std::memory_order_acq_rel) || something_to_do()) return;
  const bool outside =
      runtime_->blocking.callers.load(std::memory_order_acquire) > 0 || until != clock::time_point::max();
  if (outside || !run.in_schedule()) {
    driver_->wait(until);
  } else if (testing::simulation* world = run.world()) {
    const auto next = std::min(world->next_event(!timers_.empty()), timers_.next());
    if (next == clock::time_point::max()) return run.give_up(nothing_will_come);
    run.advance_to(next);
  } else if (driver_->busy()) {
    const bool timed = !timers_.empty();
    const auto patience = timed ? clock::now() + patience_with_io : clock::time_point::max();
    driver_->wait(patience);
    if (timed && !something_to_do() && clock::now() >= patience) run.advance_to(timers_.next());
  } else if (!timers_.empty()) {
    run.advance_to(timers_.next());
  } else {
    run.give_up(nothing_will_come);
  }
}

}  // namespace weft::detail

namespace weft {

namespace {

// A linear congruential generator a thread, begun by the time. Out of line: nothing in it can switch.
[[gnu::noinline]] std::uint64_t random_number() noexcept {
  thread_local std::uint64_t state = 0;
  if (state == 0) [[unlikely]]
    state = __builtin_ia32_rdtsc() | 1;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return state >> 32;
}

}  // namespace

std::uint32_t choose_below(std::uint32_t n) noexcept {
  if (detail::seeded_runs.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    detail::worker* w = detail::this_worker();
    if (w != nullptr && w->runtime().seeded != nullptr) return w->runtime().seeded->choose(n);
  }
  return static_cast<std::uint32_t>((random_number() * n) >> 32);
}

}  // namespace weft
