#include <weft/scheduler/detail/monitor.hpp>

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <system_error>

#include <weft/scheduler/detail/placement.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/thread_state.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/own_thread.hpp>
#include <weft/scheduler/observe/stall_report.hpp>

namespace weft::detail {

namespace {

using namespace std::chrono_literals;

constexpr auto period = 5ms;
// For so long after a worker had to be rescued looks come more often: who computes for long once mostly does it again.
constexpr auto alarm = 1s;
constexpr auto period_in_alarm = 1ms;
// A worker that has not switched for this long is stuck.
constexpr auto patience = 10ms;
// So long its stack is tried to be read.
constexpr auto most_patience = 100ms;
// Spares stay for a while after they were needed last: who blocks or hogs once mostly does it again.
constexpr auto linger = 500ms;
// A process whose code blocks more workers than this at once should say so by blocking().
constexpr unsigned most_spares = 64;
// So often all must have been asleep before the monitor sleeps, too.
constexpr unsigned most_quiet_looks = 20;

}  // namespace

void monitor::arm(bool follows_cpus) noexcept {
  follows_cpus_ = follows_cpus;
  maker_ = std::this_thread::get_id();
  makers_mask_ = allowed_cpus();
  due_ = clock::now() + period;
}

std::optional<monitor::clock::time_point> monitor::due() noexcept {
  const std::lock_guard guard(mutex_);
  return due_;
}

void monitor::start() noexcept {
  const std::lock_guard guard(mutex_);
  if (!due_) return;
  try {
    if (follows_cpus_ && !cpus_) cpus_.emplace(current_cpu_source());
    thread_ = std::thread([this, inherits = std::this_thread::get_id() == maker_] { begin(inherits); });
    due_.reset();
  } catch (const std::exception&) {
    due_ = clock::now() + period;
  }
}

void monitor::stop() noexcept {
  if (!thread_.joinable()) return;
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void monitor::begin(bool inherits_mask) noexcept {
  const own_thread counted;
  name_this_thread("weft-monitor");
  if (!inherits_mask) ::pthread_setaffinity_np(::pthread_self(), sizeof makers_mask_, &makers_mask_);
  watch();
}

void monitor::watch() noexcept {
  std::unique_lock guard(mutex_);
  if (cpus_) cpus_due_ = clock::now() + cpus_->interval();
  do {
    guard.unlock();
    look(clock::now());
    guard.lock();
  } while (wait(guard));
}

// False when it is to end. While all workers sleep there is nothing to see: the first that wakes says so.
bool monitor::wait(std::unique_lock<std::mutex>& guard) {
  if (quiet_ < most_quiet_looks) {
    const auto next_look = clock::now() < alarmed_until_ ? period_in_alarm : period;
    changed_.wait_for(guard, next_look, [this] { return stopping_; });
    return !stopping_;
  }
  asleep_.store(true, std::memory_order_seq_cst);
  if (runtime_->all_asleep()) {
    changed_.wait(guard, [this] { return stopping_ || !asleep_.load(std::memory_order_relaxed); });
  }
  asleep_.store(false, std::memory_order_relaxed);
  quiet_ = 0;
  return !stopping_;
}

[[gnu::noinline]] void monitor::wake() noexcept {
  std::lock_guard guard(mutex_);
  asleep_.store(false, std::memory_order_relaxed);
  changed_.notify_one();
}

void monitor::look(clock::time_point now) noexcept {
  quiet_ = spares_on_duty() == 0 && runtime_->all_asleep() ? quiet_ + 1 : 0;
  follow_cpus(now);
  census c;
  const auto workers = runtime_->workers();
  for (std::size_t i = sightings_.size(); i < workers.size(); ++i) sightings_.push_back(sight(*workers[i], now));
  for (std::size_t i = 0; i < workers.size(); ++i) look_at(*workers[i], sightings_[i], now, c);
  c.waiters_wait |= !runtime_->fibers.empty() || !runtime_->tasks.empty();
  staff(c, now);
  for (std::size_t i = 0; i < sightings_.size(); ++i) {  // last, as it takes long
    if (sightings_[i].to_report) report(*workers[i], sightings_[i], now);
  }
}

monitor::sighting monitor::sight(const worker& w, clock::time_point now) noexcept {
  return {.progress = w.progress(), .since = now, .cpu_time = w.cpu_time()};
}

void monitor::look_at(worker& w, sighting& seen, clock::time_point now, census& c) noexcept {
  if (w.off_duty()) {
    seen.since = now;
    return;
  }
  ++c.working;
  const std::uint64_t progress = w.progress();
  if (progress != seen.progress || runtime_->idle.contains(w.index())) {
    seen = sight(w, now);
    w.set_blocked(false);
    w.withdraw_turn_request();
    return;
  }
  if (w.io().rescue(w.thread_id())) {
    rescues_.fetch_add(1, std::memory_order_relaxed);
    alarmed_until_ = now + alarm;
  }
  if (now - seen.since < patience) return;
  const thread_state state = state_of_thread(w.thread_id());
  w.set_blocked(state == thread_state::waiting);
  // One that wants a CPU and gets none is not stuck in what it runs, and a spare would only want one more.
  if (state != thread_state::waiting && std::chrono::nanoseconds(w.cpu_time() - seen.cpu_time) < patience) return;
  if (state == thread_state::waiting) {
    ++c.blocked;
    c.work_waits |= !w.has_no_tasks();
  } else {
    ++c.computing;
    w.request_turn();
  }
  const bool others_wait = w.has_waiting_fibers(now);
  c.waiters_wait |= others_wait;
  seen.delays_others |= others_wait;
  if (seen.noticed || w.block_is_announced()) return;
  if (state == thread_state::waiting) {
    notice(seen, stall_kind::blocked, blocks_);
  } else if (seen.delays_others) {
    notice(seen, stall_kind::computing, hogs_);
  }
}

void monitor::notice(sighting& seen, stall_kind kind, std::atomic<std::uint64_t>& count) noexcept {
  seen.noticed = seen.to_report = true;
  seen.kind = kind;
  count.fetch_add(1, std::memory_order_relaxed);
}

// A stack that could not be read may be that of any place of the task, and one that can later be the same.
bool monitor::is_news(const stall_finding& finding) {
  const std::string& task = finding.report.spawned;
  if (unseen_places_.contains(task)) return false;
  if (finding.has_stack) {
    tasks_reported_.insert(task);
    return places_reported_.insert(finding.key()).second;
  }
  unseen_places_.insert(task);
  return !tasks_reported_.contains(task);
}

// A stack that cannot be read at this moment is tried again for a while. A report that there is no memory for is not worth the process.
void monitor::report(const worker& w, sighting& seen, clock::time_point now) noexcept {
  try {
    const stall_finding finding = examine_stall(w, seen.kind, now - seen.since);
    seen.to_report = !finding.has_stack && now - seen.since < most_patience;
    if (seen.to_report || (!finding.has_stack && finding.report.spawned.empty())) return;
    if (!is_news(finding)) return;
    if (const auto& sink = runtime_->settings().on_stall) return sink(finding.report);
    std::fputs(to_string(finding.report).c_str(), stderr);
  } catch (const std::bad_alloc&) {
  }
}

// A blocked worker is replaced while there is work for it. Beside workers that all compute one more can give no CPU to tasks, but the
// kernel lets those through it who waited and need little.
void monitor::staff(const census& c, clock::time_point now) noexcept {
  const unsigned wanted = runtime_->wanted_workers();
  const unsigned stuck = c.blocked + c.computing;
  const bool anybody_sleeps = runtime_->idle.sleepers() != 0;
  if (stuck >= wanted || c.blocked >= on_duty_.load(std::memory_order_relaxed)) spare_needed_ = now;
  if (stuck > 0 && (c.work_waits || c.waiters_wait) && anybody_sleeps) return runtime_->wake_if_wanted();
  const bool too_few = c.working - c.blocked < wanted && (c.work_waits || c.waiters_wait);
  if (too_few || (stuck == c.working && c.waiters_wait)) return send_spare();
  if (now - spare_needed_ > linger && on_duty_.load(std::memory_order_relaxed) > 0) {
    on_duty_.fetch_sub(1, std::memory_order_relaxed);
    runtime_->workers()[wanted + on_duty_.load(std::memory_order_relaxed)]->interrupt();
    spare_needed_ = now;
  }
}

void monitor::send_spare() noexcept {
  const unsigned wanted = runtime_->wanted_workers();
  const unsigned duty = on_duty_.load(std::memory_order_relaxed);
  if (duty == most_spares) return;
  if (wanted + duty == runtime_->workers().size() && !runtime_->start_worker()) return;
  on_duty_.store(duty + 1, std::memory_order_relaxed);
  runtime_->workers()[wanted + duty]->interrupt();
}

// The mask is that of this thread, which no option binds: it began with that of whoever made the runtime, and changes with the cgroup's.
void monitor::follow_cpus(clock::time_point now) noexcept {
  if (!cpus_ || now < cpus_due_) return;
  cpus_due_ = now + cpus_->interval();
  employ(std::min(cpus_->count(), idle_set::capacity));
}

// Down: the workers with the highest indices give their work away and sleep. Up: these are recalled first, then others started.
void monitor::employ(unsigned wanted) noexcept {
  const unsigned before = runtime_->wanted_workers();
  const unsigned spares = spares_on_duty();
  if (wanted == before) return;
  while (runtime_->workers().size() < wanted + spares && runtime_->start_worker()) {
  }
  const auto workers = runtime_->workers();
  wanted = std::min(wanted, static_cast<unsigned>(workers.size()) - spares);
  runtime_->want_workers(wanted);
  for (unsigned i = std::min(before, wanted); i < std::max(before, wanted); ++i) workers[i + spares]->interrupt();
}

}  // namespace weft::detail
