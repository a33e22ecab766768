#include <weft/scheduler/detail/group_core.hpp>

#include <bit>
#include <mutex>
#include <utility>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

namespace {

worker& worker_for_group() {
  current_scope("a group");
  return *this_worker();
}

unsigned exceptions_in_flight() noexcept { return this_worker()->live_exceptions().uncaught; }

}  // namespace

group_core::group_core(std::string_view name, bool supervise, std::source_location site)
    : group_core(worker_for_group(), name, supervise, site) {}

group_core::group_core(worker& w, std::string_view name, bool supervise, std::source_location site)
    : scope_(*w.current()->current_scope),
      owner_(w.current()),
      exceptions_at_entry_(w.live_exceptions().uncaught),
      supervise_(supervise) {
  scope_.set_label(name, site);
  owner_->current_scope = &scope_;
}

void group_core::submit(task_node& task) {
  WEFT_PROBE(spawn, &task, this, task.name, std::bit_cast<const void*>(task.site));
  task.group = this;
  worker* w = this_worker();
  task.context_values = w != nullptr ? add_reference(w->current()->context_values) : nullptr;
  if (w != nullptr && w->current() == owner_) [[likely]] {
    ++own_children_;
    w->push_task(task);
    return;
  }
  if (spawned_by_daemon(w)) [[unlikely]]
    return daemons_.load(std::memory_order_relaxed)->submit(task);
  if (scope_.runtime()->is_gone()) [[unlikely]]
    die_after_fork();
  count_.fetch_add(1, std::memory_order_relaxed);
  if (w != nullptr && &w->runtime() == scope_.runtime()) {
    w->push_task(task);
  } else {
    scope_.runtime()->inject_from_outside(task);
  }
}

// The daemons of a group are a group below it, which nobody enters.
group_core::group_core(daemons_of, group_core& g) noexcept
    : scope_(g.scope_), owner_(g.owner_), exceptions_at_entry_(0), supervise_(g.supervise_), failures_go_to_(&g) {
  scope_.set_label("daemons", {});
}

void group_core::submit_daemon(task_node& task) {
  if (daemons_.load(std::memory_order_relaxed) == nullptr) {
    daemons_.store(new group_core(daemons_of{}, *this), std::memory_order_release);
  }
  daemons_.load(std::memory_order_relaxed)->submit(task);
}

bool group_core::spawned_by_daemon(const worker* w) noexcept {
  const group_core* daemons = daemons_.load(std::memory_order_acquire);
  if (daemons == nullptr || w == nullptr) [[likely]]
    return false;
  for (const detail::scope* s = w->current()->current_scope; s != nullptr && s != &scope_; s = s->parent()) {
    if (s == &daemons->scope_) return true;
  }
  return false;
}

void group_core::child_done() noexcept {
  if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) joiner_.signal();
}

void group_core::child_failed(failure f) noexcept {
  if (failures_go_to_ != this) return failures_go_to_->child_failed(std::move(f));
  {
    std::lock_guard guard(failures_lock_);
    failures_.push_back(std::move(f));
  }
  has_failures_.store(true, std::memory_order_relaxed);
  if (!supervise_) scope_.cancel(cancel_reason::sibling_failed);
}

// Children on top of the own deque run here, as plain calls; no one else has seen them.
void group_core::run_own_children() {
  if (own_children_ == 0 || !this_worker()->may_run_inline()) return;
  inline_run run(*owner_);
  while (own_children_ != 0) {
    worker* w = this_worker();
    task_node* task = w->pop_task_of(this);
    if (task == nullptr) return;
    --own_children_;
    w->count_task();
    if (w->trace() != nullptr) [[unlikely]]
      w->trace()->record(*task);
    execute_task(*owner_, *task, *this);
    w = this_worker();  // the child may have taken us to another one
    if (w->should_give_way()) [[unlikely]] {
      owner_->task = run.outer_task();  // the child is gone, and a yield shows the fiber to others
      w->yield();
    }
  }
}

void group_core::wait_for_children() {
  wait_for_tasks();
  group_core* daemons = daemons_.load(std::memory_order_relaxed);
  if (daemons == nullptr) [[likely]]
    return;
  daemons->scope_.cancel(cancel_reason::requested);
  daemons->wait_for_tasks();
  daemons_.store(nullptr, std::memory_order_relaxed);
  delete daemons;
}

void group_core::wait_for_tasks() {
  run_own_children();
  if (has_unfinished_tasks()) {
    parker self(group_wait, this, parker::cancellation::ignored);
    joiner_ = self.id();
    self.park([this] {
      const ticket joiner = joiner_;  // once the count is complete, the group may be gone
      const long share = own_children_ - not_joining;
      if (count_.fetch_add(share, std::memory_order_acq_rel) == -share) joiner.signal();
    });
  }
  count_.store(not_joining, std::memory_order_relaxed);
  own_children_ = 0;
}

void group_core::throw_failures() {
  if (!has_failures_.load(std::memory_order_relaxed)) return;
  has_failures_.store(false, std::memory_order_relaxed);
  throw group_error(std::exchange(failures_, {}));
}

void group_core::join() {
  wait_for_children();
  throw_failures();
  if (!scope_.is_cancelled() || scope_.is_origin()) return;
  cut_short_.store(false, std::memory_order_relaxed);  // told once
  throw scope_.describe();
}

void group_core::close() {
  const bool unwinding = exceptions_in_flight() > exceptions_at_entry_;
  if (unwinding) scope_.cancel(cancel_reason::group_left);
  wait_for_children();
  leave_scope(scope_, *scope_.parent());
  if (unwinding) return hand_failures_over();
  throw_failures();
  // Whoever comes after the group may rely on what its tasks were to do.
  const bool cut_short = cut_short_.load(std::memory_order_relaxed);
  if (cut_short && scope_.is_cancelled() && !scope_.is_origin()) throw scope_.describe();
}

// The exception that passes is `cancelled`, or an error of the body's own, or one that get() threw; the last is known already.
void group_core::hand_failures_over() noexcept {
  if (!has_failures_.load(std::memory_order_relaxed)) return;
  std::unique_ptr<failure_list>& list = owner_->unreported;
  if (list == nullptr) list = std::make_unique<failure_list>();
  for (failure& f : failures_) {
    if (f.error != list->delivered) list->failures.push_back(std::move(f));
  }
}

}  // namespace weft::detail
