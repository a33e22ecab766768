#include <weft/scheduler/detail/fork.hpp>

#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include <weft/scheduler/detail/outside_wait.hpp>
#include <weft/scheduler/detail/signal_hub.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/thread_wait.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/own_thread.hpp>
#include <weft/scheduler/observe/registry.hpp>

namespace weft::detail {

namespace {

// What the process shares must not be in the hands of a thread that the child does not have.
void before() {
  signal_hub::instance().before_fork();
  runtime_list::before_fork();
  lock_task_pool();
  lock_thread_fibers();
}

void in_parent() {
  unlock_thread_fibers();
  unlock_task_pool();
  runtime_list::after_fork_in_parent();
  signal_hub::instance().after_fork_in_parent();
}

void in_child() {
  forks.fetch_add(1, std::memory_order_relaxed);
  unlock_thread_fibers();
  unlock_task_pool();
  runtime_list::after_fork_in_child();
  own_thread::after_fork_in_child();
  waiting_threads::after_fork_in_child();
  outside_wait::after_fork_in_child();
  signal_hub::instance().after_fork_in_child();
  if (worker* w = this_worker()) w->be_orphaned();
}

}  // namespace

void watch_forks() noexcept {
  static std::once_flag once;
  std::call_once(once, [] { ::pthread_atfork(&before, &in_parent, &in_child); });
}

void die_after_fork() noexcept {
  std::fputs(
      "weft: a child of fork() uses a fiber, a group or a runtime of its parent; their threads are not in this "
      "process.\n"
      "After fork() call exec or _exit, or start a runtime of the child's own, as by weft::run.\n",
      stderr);
  std::abort();
}

}  // namespace weft::detail
