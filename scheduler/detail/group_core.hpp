// The part of a group that does not depend on its tasks' types: counting, joining, failures.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <source_location>
#include <string_view>
#include <vector>

#include <weft/scheduler/detail/failure_list.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/group_error.hpp>

namespace weft::detail {

class worker;

inline constexpr wait_kind group_wait{"end of group"};

class group_core {
 public:
  // Enters the group's scope on the calling fiber. Throws std::logic_error outside a fiber.
  group_core(std::string_view name, bool supervise, std::source_location site);
  group_core(const group_core&) = delete;
  group_core& operator=(const group_core&) = delete;

  // Hands a filled node to the scheduler. Any fiber of the group, or the one that made it.
  void submit(task_node& task);
  // The same for a task that the group does not wait for, but ends. Only the fiber that made the group.
  void submit_daemon(task_node& task);

  // Waits for all children; then throws group_error if some failed, `cancelled` if the scope around was cancelled.
  void join();
  // The end of the scope: joins, or cancels and waits when an exception passes; leaves the scope; throws group_error, or `cancelled` if
  // the scope around was cancelled and a task was cut short by it.
  void close();

  [[nodiscard]] detail::scope& scope() noexcept { return scope_; }

  // ---- for the scheduler: a child has ended
  void child_failed(failure f) noexcept;
  void child_cut_short() noexcept { cut_short_.store(true, std::memory_order_relaxed); }
  void child_done() noexcept;

 private:
  group_core(worker& w, std::string_view name, bool supervise, std::source_location site);
  struct daemons_of {};
  group_core(daemons_of, group_core& g) noexcept;
  void wait_for_children();
  void wait_for_tasks();
  [[nodiscard]] bool spawned_by_daemon(const worker* w) noexcept;
  void run_own_children();
  [[nodiscard]] bool has_unfinished_tasks() const noexcept {
    return count_.load(std::memory_order_acquire) != not_joining - own_children_;
  }
  void throw_failures();
  void hand_failures_over() noexcept;

  // The count of unfinished children is split: the owner counts its own spawns without an atomic; everybody else uses
  // count_, which is held far below zero until the owner adds its share in wait_for_children(). So it reaches zero once, at the end.
  static constexpr long not_joining = -(1L << 60);

  detail::scope scope_;
  fiber* const owner_;
  long own_children_ = 0;
  const unsigned exceptions_at_entry_;
  const bool supervise_;
  group_core* failures_go_to_ = this;
  std::atomic<bool> has_failures_{false};
  std::atomic<bool> cut_short_{false};  // a task was cancelled, or has never begun
  spin_lock failures_lock_;
  std::vector<failure> failures_;
  std::atomic<group_core*> daemons_{nullptr};         // owned; made by the first, gone when the group was waited for
  alignas(64) std::atomic<long> count_{not_joining};  // others' line: the owner's spawns do not touch it
  ticket joiner_;
};

// Runs a task on a host of its own.
void run_task(fiber& self, task_node& task) noexcept;
// The run itself, up to the handle; counting the child as done is the caller's.
void execute_task(fiber& self, task_node& task, group_core& group) noexcept;

// While a fiber that waits for tasks runs some of them on its own stack: keeps what is the fiber's own.
class inline_run {
 public:
  explicit inline_run(fiber& self) noexcept;
  ~inline_run();
  inline_run(const inline_run&) = delete;
  inline_run& operator=(const inline_run&) = delete;
  [[nodiscard]] task_node* outer_task() const noexcept { return task_; }

 private:
  friend struct observer;
  fiber& self_;
  inline_run* const outer_;
  scope* const scope_;
  task_node* const task_;
  context_value* const context_values_;
  std::unique_ptr<failure_list> unreported_;
};
// Ends a task that could not be started.
void fail_unstarted(task_node& task, std::exception_ptr error) noexcept;
// What a root function ended by, as its caller sees it: failures under way are added, `cancelled` by a deadline translated.
std::exception_ptr settle(fiber& self, std::exception_ptr error);

}  // namespace weft::detail
