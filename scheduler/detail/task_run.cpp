// A task's run and its end: outcome, waiters, failures, memory.
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/detail/as_cancelled.hpp>
#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/own_stack.hpp>
#include <weft/scheduler/detail/probes.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/trace.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/schedule_point.hpp>

namespace weft::detail {

namespace {

void store_error(task_node& task, std::exception_ptr error, task_node::result kind) noexcept {
  stored_error::construct(task.storage, std::move(error));
  task.outcome = kind;
}

bool succeeded(const task_node& task) noexcept {
  return task.outcome == task_node::result::plain_value || task.outcome == task_node::result::value;
}

[[gnu::noinline]] void destroy_outcome(task_node& task) noexcept {
  switch (task.outcome) {
    case task_node::result::none:
    case task_node::result::plain_value:
      break;
    case task_node::result::value:
      task.perform(task, task_node::action::drop_result);
      break;
    case task_node::result::error:
    case task_node::result::cancelled:
      stored_error::destroy(task.storage);
      break;
  }
  task.outcome = task_node::result::none;
}

void destroy(task_node& task) noexcept {
  if (task.outcome != task_node::result::plain_value) [[unlikely]]
    destroy_outcome(task);
  free_task(&task);
}

// The handle's side takes the lock once more before it frees the node, so it cannot go away meanwhile. The group cannot end before the
// task is counted as done.
[[gnu::noinline]] void wake_waiters(task_node& task) noexcept {
  group_core& group = *task.group;
  task_node* continuations = nullptr;
  {
    std::lock_guard guard(task.lock);
    for (task_waiter* w = std::exchange(task.waiters, nullptr); w != nullptr;) {
      task_waiter* next = w->next;
      if (task_node* c = std::exchange(w->continuation, nullptr)) c->next = std::exchange(continuations, c);
      w->waiting.signal();
      w = next;
    }
  }
  while (task_node* c = continuations) {
    continuations = c->next;
    group.submit(*c);
    drop_handle(*c);
  }
}

// Makes the outcome visible and wakes who waits. The node may be gone afterwards.
[[gnu::always_inline]] inline void finish(task_node& task) noexcept {
  if ((task.state.load(std::memory_order_acquire) & task_node::dropped) != 0) return destroy(task);
  const std::uint32_t before = task.state.fetch_or(task_node::finished, std::memory_order_acq_rel);
  if ((before & task_node::dropped) != 0) return destroy(task);
  if ((before & task_node::awaited) != 0) wake_waiters(task);
}

std::exception_ptr combine(std::vector<failure> unreported, const std::exception_ptr& error) {
  if (error != nullptr) unreported.insert(unreported.begin(), failure{error, {}, {}});
  return std::make_exception_ptr(group_error(std::move(unreported)));
}

// The rare ends: an exception, or failures that a group on this fiber has left behind.
[[gnu::noinline]] void settle_task(fiber& self, task_node& task, group_core& group) noexcept {
  std::exception_ptr error;
  if (task.outcome == task_node::result::error || task.outcome == task_node::result::cancelled) {
    error = stored_error::get(task.storage);
  }
  std::exception_ptr settled = settle(self, error);
  if (settled == nullptr) return finish(task);
  if (as_cancelled(settled) != nullptr) {
    group.child_cut_short();
    return finish(task);
  }
  destroy_outcome(task);
  store_error(task, settled, task_node::result::error);
  failure f{settled, task.name != nullptr ? task.name : "", task.site};
  finish(task);  // first, so that a waiting get() sees the failure itself rather than the cancellation it causes
  group.child_failed(std::move(f));
}

}  // namespace

void note_exception(task_node& node) noexcept {
  std::exception_ptr error = std::current_exception();
  const bool was_cancelled = as_cancelled(error) != nullptr;
  store_error(node, std::move(error), was_cancelled ? task_node::result::cancelled : task_node::result::error);
}

// `cancelled` that comes out of its own scope (a deadline or group inside the task) says nothing about the task as such: a
// deadline's is a timeout, and failures that groups left behind are failures of the task.
std::exception_ptr settle(fiber& self, std::exception_ptr error) {
  std::vector<failure> unreported;
  if (self.unreported != nullptr) unreported = std::move(std::exchange(self.unreported, nullptr)->failures);
  if (const cancelled* c = as_cancelled(error)) {
    const bool from_outside = self.current_scope->is_cancelled();
    if (!from_outside && c->reason() == cancel_reason::deadline) {
      error = std::make_exception_ptr(timeout_error("weft: a deadline inside the task has passed"));
    } else if (!unreported.empty()) {
      error = nullptr;
    }
  }
  return unreported.empty() ? error : combine(std::move(unreported), error);
}

void perform_on_own_stack(task_node& task, perform_function perform) noexcept {
  struct call {
    task_node* task;
    perform_function perform;
  } c{&task, perform};
  const auto run = [](void* p) noexcept {
    const call& given = *static_cast<call*>(p);
    given.perform(*given.task, task_node::action::run);
  };
  try {
    if (call_on_own_stack(*this_worker()->current(), task.stack_order, run, &c)) return;
    throw std::system_error(
        ENOMEM, std::generic_category(),
        "weft: no stack of " + std::to_string(std::size_t{1} << task.stack_order) +
            " bytes (spawn_options::stack_size); raise vm.max_map_count or the memory limit, or ask "
            "for less");
  } catch (const std::exception&) {  // it has not begun
    perform(task, task_node::action::drop_closure);
    store_error(task, std::current_exception(), task_node::result::error);
  }
}

void execute_task(fiber& self, task_node& task, group_core& group) noexcept {
  self.task = &task;
  self.current_scope = &group.scope();
  self.context_values = task.context_values;
  WEFT_PROBE(task_start, &task, task.name, std::bit_cast<const void*>(task.site));
  if (group.scope().is_cancelled()) [[unlikely]] {
    task.perform(task, task_node::action::drop_closure);
    store_error(task, std::make_exception_ptr(group.scope().describe()), task_node::result::cancelled);
  } else {
    task.perform(task, task_node::action::run);
  }
  WEFT_PROBE(task_end, &task, static_cast<std::uint8_t>(task.outcome));
  if (self.context_values != nullptr) [[unlikely]]
    drop_reference(std::exchange(self.context_values, nullptr));
  if (succeeded(task) && self.unreported == nullptr) [[likely]]
    return finish(task);
  settle_task(self, task, group);
}

void run_task(fiber& self, task_node& task) noexcept {
  group_core* group = task.group;
  if (group == nullptr) {
    task.perform(task, task_node::action::run);  // a root function; it finds its fiber itself
    return;
  }
  execute_task(self, task, *group);
  if (self.registered != nullptr) self.registered->remove_member(self);
  self.current_scope = nullptr;
  self.task = nullptr;
  group->child_done();
}

inline_run::inline_run(fiber& self) noexcept
    : self_(self),
      outer_(std::exchange(self.inline_runs, this)),
      scope_(self.current_scope),
      task_(self.task),
      context_values_(self.context_values),
      unreported_(std::move(self.unreported)) {}

inline_run::~inline_run() {
  self_.inline_runs = outer_;
  self_.current_scope = scope_;
  self_.task = task_;
  self_.context_values = context_values_;
  self_.unreported = std::move(unreported_);
}

void fail_unstarted(task_node& task, std::exception_ptr error) noexcept {
  group_core& group = *task.group;
  failure f{error, task.name != nullptr ? task.name : "", task.site};
  store_error(task, std::move(error), task_node::result::error);
  finish(task);
  group.child_failed(std::move(f));
  group.child_done();
}

namespace {

[[noreturn]] void die_dropping_awaited_handle(const task_node& node) noexcept {
  std::fprintf(
      stderr,
      "weft: the handle of task '%s' (spawned at %s:%u) is being dropped or assigned to while somebody waits for the "
      "task,\nwho would be left waiting for memory that is no more. One fiber uses a handle at a time: keep it until "
      "its "
      "wait() or\nget() has returned, and have further fibers wait for a weft::event that the task sets.\n",
      node.name != nullptr ? node.name : "", node.site.file_name(), node.site.line());
  std::abort();
}

// Who has waited in vain is not in the list any more.
[[gnu::noinline]] void check_that_nobody_waits(task_node& node) noexcept {
  std::lock_guard guard(node.lock);
  if (node.waiters != nullptr && !is_finished(node)) die_dropping_awaited_handle(node);
}

[[gnu::noinline]] void drop_finished(task_node& node, std::uint32_t state) noexcept {
  if ((state & task_node::awaited) != 0) std::lock_guard wait_for_finish(node.lock);
  destroy(node);
}

}  // namespace

// Once the run is over nobody else writes the state.
void drop_handle(task_node& node) noexcept {
  std::uint32_t seen = node.state.load(std::memory_order_acquire);
  while ((seen & task_node::finished) == 0) {
    if ((seen & task_node::awaited) != 0) [[unlikely]]
      check_that_nobody_waits(node);
    if (node.state.compare_exchange_weak(seen, seen | task_node::dropped, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
      return;
    }
  }
  drop_finished(node, seen);
}

void rethrow_failure(task_node& node) {
  if (succeeded(node)) [[likely]]
    return;
  const std::exception_ptr error = stored_error::get(node.storage);
  if (worker* w = this_worker(); w != nullptr && node.outcome == task_node::result::error) {
    std::unique_ptr<failure_list>& list = w->current()->unreported;
    if (list == nullptr) list = std::make_unique<failure_list>();
    list->delivered = error;
  }
  std::rethrow_exception(error);
}

// ---------------------------------------------------------------------------------------------------- waiting for a task

bool expect_end(task_node& node) noexcept {
  const std::uint32_t before = node.state.fetch_or(task_node::awaited, std::memory_order_acq_rel);
  return (before & task_node::finished) == 0;
}

void add_waiter(task_node& node, task_waiter& waiter) noexcept {
  waiter.next = node.waiters;
  node.waiters = &waiter;
}

void unlink_waiter(task_node& node, const task_waiter& waiter) noexcept {
  for (task_waiter** link = &node.waiters; *link != nullptr; link = &(*link)->next) {
    if (*link != &waiter) continue;
    *link = waiter.next;
    return;
  }
}

namespace {

void remove_waiter(task_node& node, const task_waiter& waiter) noexcept {
  std::lock_guard guard(node.lock);
  unlink_waiter(node, waiter);
}

// Runs the task on the caller's stack if it is the newest of this worker's and has not begun. Only where the caller is in the scope
// of the task's group itself: what may end the wait, such as a deadline around it, must not have to wait for the task.
bool run_here(task_node& node) {
  worker* w = this_worker();
  if (w == nullptr || !w->may_run_inline() || w->current()->current_scope != &node.group->scope()) return false;
  if (w->pop_task_if(&node) == nullptr) return false;
  group_core* group = node.group;
  w->count_task();
  {
    fiber& self = *w->current();
    inline_run run(self);
    if (w->trace() != nullptr) [[unlikely]]
      w->trace()->record(node);
    execute_task(self, node, *group);
  }
  group->child_done();
  w = this_worker();  // the task may have taken us to another one
  if (w->should_give_way()) [[unlikely]]
    w->yield();
  return true;
}

}  // namespace

bool continue_with(task_node& node, task_waiter& waiter) noexcept {
  std::lock_guard guard(node.lock);
  if (!expect_end(node)) return false;
  add_waiter(node, waiter);
  return true;
}

void forget_continuation(task_node& node, task_waiter& waiter) noexcept {
  task_node* continuation = nullptr;
  {
    std::lock_guard guard(node.lock);
    unlink_waiter(node, waiter);
    continuation = std::exchange(waiter.continuation, nullptr);
  }
  if (continuation != nullptr) free_task(continuation);
}

bool await_task_until(task_node& node, std::chrono::steady_clock::time_point limit) {
  turn_point();
  if (is_finished(node)) return true;
  check_cancelled();
  const bool unlimited = limit == std::chrono::steady_clock::time_point::max();
  if (unlimited && run_here(node)) return true;
  parker self(task_wait, &node);
  task_waiter waiter{self.id()};
  node.lock.lock();
  if (!expect_end(node)) {
    node.lock.unlock();
    return true;
  }
  add_waiter(node, waiter);
  const wake why = self.park_until(limit, [&node] { node.lock.unlock(); });
  if (why == wake::signalled) return true;
  remove_waiter(node, waiter);
  if (is_finished(node)) return true;
  if (why == wake::cancelled) throw_cancelled();
  return false;
}

void await_task(task_node& node) { await_task_until(node, std::chrono::steady_clock::time_point::max()); }

}  // namespace weft::detail
