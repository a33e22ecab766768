#include <weft/scheduler/observe/deadlock_watch.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <utility>

#include <weft/scheduler/deadlock_error.hpp>
#include <weft/scheduler/detail/outside_wait.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/deadlock_report.hpp>
#include <weft/scheduler/observe/fresh_thread.hpp>
#include <weft/scheduler/observe/own_thread.hpp>
#include <weft/scheduler/observe/registry.hpp>

namespace weft::detail {

namespace {

using namespace std::chrono_literals;

// A thread that is just being started or ending counts as one that might wake somebody: so not at once.
constexpr auto first_look = 100ms;
constexpr auto last_look = 1s;

bool is_cancelled_error(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void deadlock_watch::add(root_entry& root) noexcept {
  const std::lock_guard guard(mutex_);
  quiet_since_ = {};  // a new function is progress
  root.next = roots_;
  if (roots_ != nullptr) roots_->previous = &root;
  roots_ = &root;
}

std::exception_ptr deadlock_watch::remove(root_entry& root, std::exception_ptr error) noexcept {
  const std::lock_guard guard(mutex_);
  (root.previous != nullptr ? root.previous->next : roots_) = root.next;
  if (root.next != nullptr) root.next->previous = root.previous;
  if (root.deadlock != nullptr && error != nullptr && is_cancelled_error(error)) return root.deadlock;
  return error;
}

// Whatever runs ends in a park of its fiber.
std::uint64_t deadlock_watch::progress() const noexcept {
  std::uint64_t parks = 0;
  for (const auto& w : runtime_->workers()) parks += w->parks();
  return parks;
}

// What a worker has published before it fell asleep holds as long as it sleeps.
bool deadlock_watch::is_quiet() const noexcept {
  if (!runtime_->all_asleep() || !runtime_->fibers.empty() || !runtime_->tasks.empty()) return false;
  if (runtime_->blocking.callers.load(std::memory_order_relaxed) !=
      runtime_->runs_elsewhere.load(std::memory_order_relaxed)) {
    return false;
  }
  const auto workers = runtime_->workers();
  return std::all_of(workers.begin(), workers.end(), [](const auto& w) { return w->expects_nothing(); });
}

// The threads first: once there are none that could, nobody makes work any more that the looks at the runtimes would miss.
deadlock_watch::verdict deadlock_watch::judge() noexcept {
  if (outside_wait::count() > 0) return verdict::none;
  const auto guard = runtime_list::try_lock();
  if (!guard) return verdict::possible;  // one begins, ends, or is being looked at
  const bool alone = foreign_threads() == 0;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (runtime_core* r = runtime_list::first(); r != nullptr; r = r->next_runtime) {
    if (!r->all_asleep()) return verdict::unsettled;
    if (!r->deadlocks.is_quiet()) return verdict::none;
  }
  return alone ? verdict::certain : verdict::possible;
}

// The time is counted from the last progress, so a look that comes early is put off.
deadlock_watch::time_point deadlock_watch::before_sleep() noexcept {
  const time_point now = time_point::clock::now();
  std::unique_lock guard(mutex_);
  if (roots_ == nullptr) return time_point::max();
  if (const std::uint64_t seen = progress(); seen != seen_progress_ || quiet_since_ == time_point()) {
    seen_progress_ = seen;
    quiet_since_ = now;
    stage_ = stage::fresh;
  }
  if (stage_ == stage::done) return time_point::max();
  const bool is_last = stage_ == stage::watching;
  const time_point due = quiet_since_ + (is_last ? std::chrono::nanoseconds(last_look) : first_look);
  if (now < due) return due;
  const verdict found = judge();
  if (found == verdict::unsettled) return now + first_look;
  stage_ = found == verdict::possible && !is_last ? stage::watching : stage::done;
  const time_point last = quiet_since_ + last_look;
  guard.unlock();
  if (found == verdict::certain) {
    end_all();
    return now;
  }
  if (found == verdict::none) return time_point::max();  // what goes on will wake somebody, and all begins anew
  if (!is_last) return last;
  report_once();
  return time_point::max();
}

// ---------------------------------------------------------------------------------------------------- the end

void deadlock_watch::end_all() noexcept {
  try {
    on_fresh_thread([] {
      const std::string report = deadlock_report(look_at_process(with_stacks::yes));
      end_roots_everywhere(report);
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weft: deadlock, of which no report can be made: %s\n", e.what());
    end_roots_everywhere("weft: deadlock");
  }
}

// A runtime whose fibers wait for another runtime's run() is not stuck itself, unless all are.
void deadlock_watch::end_roots_everywhere(const std::string& report) {
  const auto guard = runtime_list::lock();
  bool ended = false;
  for (const bool all : {false, true}) {
    for (runtime_core* r = runtime_list::first(); r != nullptr; r = r->next_runtime) {
      if (all || r->runs_elsewhere.load(std::memory_order_relaxed) == 0) ended |= r->deadlocks.end_roots(report);
    }
    if (ended) return;
  }
  std::fprintf(stderr, "%s\nweft: cancellation does not end these waits.\n", report.c_str());
}

// Each but once, and each by an exception of its own: who catches it is the only one to hold it.
bool deadlock_watch::end_roots(const std::string& report) {
  const std::lock_guard guard(mutex_);
  bool ended = false;
  for (root_entry* root = roots_; root != nullptr; root = root->next) {
    if (root->deadlock != nullptr) continue;
    root->deadlock = std::make_exception_ptr(deadlock_error(report));
    root->outermost->cancel(cancel_reason::deadlock);
    ended = true;
  }
  return ended;
}

void deadlock_watch::report_once() noexcept {
  {
    const std::lock_guard guard(mutex_);
    if (std::exchange(reported_, true)) return;
  }
  try {
    on_fresh_thread([] {
      const std::string report = deadlock_report(look_at_process(with_stacks::yes));
      std::fprintf(stderr,
                   "%s\nweft: threads of the program that are not weft's own might still wake one of these fibers; "
                   "waiting goes on. "
                   "(options::detect_deadlock = false turns this report off.)\n",
                   report.c_str());
    });
  } catch (const std::exception&) {
    std::fputs("weft: a deadlock is possible, of which no report can be made\n", stderr);
  }
}

}  // namespace weft::detail
