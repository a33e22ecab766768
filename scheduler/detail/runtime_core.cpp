#include <weft/scheduler/detail/runtime_core.hpp>

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <weft/scheduler/detail/fences.hpp>
#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::detail {

namespace {

options completed(options o) {
  if (o.workers == 0) o.workers = available_cpus();
  if (o.workers > idle_set::capacity) {
    throw std::invalid_argument("weft: options::workers is " + std::to_string(o.workers) + "; the most is " +
                                std::to_string(idle_set::capacity));
  }
  if (!o.driver) o.driver = default_driver_factory();
  return o;
}

// A root function while it runs; stands on the stack of the thread that waits.
struct root_run {
  root_run(runtime_core& core, root_call& c) : call(c), root_scope(core, core.cancel_epoch) {
    root_scope.set_label({}, c.site);
  }

  void finished() {
    std::lock_guard guard(mutex);  // held while notifying: the waiting thread takes this object away with it
    done = true;
    changed.notify_one();
  }
  void wait() {
    std::unique_lock guard(mutex);
    changed.wait(guard, [this] { return done; });
  }

  root_call& call;
  scope root_scope;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

void perform_root(task_node& node, task_node::action) {
  root_run& run = **reinterpret_cast<root_run**>(node.storage);
  fiber& self = *this_worker()->current();
  self.task = &node;
  self.current_scope = &run.root_scope;
  std::exception_ptr error;
  try {
    run.call.invoke(run.call);
  } catch (...) {
    error = std::current_exception();
  }
  run.call.error = settle(self, std::move(error));
  if (self.registered != nullptr) self.registered->remove_member(self);
  self.current_scope = nullptr;
  self.task = nullptr;
  free_task(&node);
  run.finished();
}

}  // namespace

void refuse_root(task_node& node, std::exception_ptr error) noexcept {
  root_run& run = **reinterpret_cast<root_run**>(node.storage);
  run.call.error = std::move(error);
  free_task(&node);
  run.finished();
}

runtime_core::runtime_core(options o)
    : stacks(o.stack_size), blocking(o.blocking_threads), options_(completed(std::move(o))) {
  prepare_fences();
  start_workers();
}

runtime_core::~runtime_core() { stop_workers(); }

void runtime_core::start_workers() {
  const unsigned n = options_.workers;
  for (unsigned i = 0; i < n; ++i) workers_.emplace_back(new worker(*this, i));
  phase_ = std::make_unique<std::barrier<>>(static_cast<std::ptrdiff_t>(n) + 1);
  try {
    for (unsigned i = 0; i < n; ++i) threads_.emplace_back([w = workers_[i].get()] { w->run_thread(); });
  } catch (const std::system_error& e) {
    worker_failed(std::make_exception_ptr(std::system_error(
        e.code(),
        "weft: cannot start " + std::to_string(n) + " worker threads; raise the limit of processes (ulimit -u)")));
    (void)phase_->arrive(static_cast<std::ptrdiff_t>(n - threads_.size()));
  }
  phase_->arrive_and_wait();
  if (!failed()) return;
  stop_workers();
  std::rethrow_exception(failure_);
}

void runtime_core::stop_workers() noexcept {
  while (visitors_.load(std::memory_order_acquire) != 0) ::sched_yield();
  stopping_.store(true, std::memory_order_seq_cst);
  if (!failed()) {
    for (const auto& w : workers_) w->interrupt();
  }
  (void)phase_->arrive(static_cast<std::ptrdiff_t>(workers_.size() - threads_.size()) + 1);
  for (std::thread& t : threads_) t.join();
}

void runtime_core::worker_failed(std::exception_ptr error) noexcept {
  std::lock_guard guard(hosts_lock_);
  if (failure_ == nullptr) failure_ = std::move(error);
}

void runtime_core::wake_if_wanted() noexcept {
  light_fence();
  if (!idle.wants_wake()) [[likely]]
    return;
  wake_one();
}

[[gnu::noinline]] void runtime_core::wake_one() noexcept {
  const int sleeper = idle.claim_one();
  if (sleeper < 0) return;
  worker& w = *workers_[static_cast<std::size_t>(sleeper)];
  w.count_wake();
  w.interrupt();
}

// The work may end the runtime's last run before this call has returned; who destroys the runtime then waits for the visitor to leave.
template <class T>
void runtime_core::inject(injection_queue<T>& queue, T& work) noexcept {
  visitors_.fetch_add(1, std::memory_order_relaxed);
  queue.push(&work, &work, 1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  wake_if_wanted();
  visitors_.fetch_sub(1, std::memory_order_release);
}

void runtime_core::inject_from_outside(fiber& f) noexcept { inject(fibers, f); }
void runtime_core::inject_from_outside(task_node& task) noexcept { inject(tasks, task); }

fiber* runtime_core::take_pooled_host() noexcept {
  std::lock_guard guard(hosts_lock_);
  fiber* f = hosts_;
  if (f != nullptr) hosts_ = f->next;
  return f;
}

void runtime_core::give_pooled_host(fiber& f) noexcept {
  std::lock_guard guard(hosts_lock_);
  f.next = hosts_;
  hosts_ = &f;
}

void runtime_core::run_root(root_call& call) {
  if (worker* w = this_worker(); w != nullptr && in_fiber()) {
    if (&w->runtime() == this) return call.invoke(call);
    return weft::blocking([&] { run_root(call); });  // another runtime's fiber: only that fiber waits
  }
  root_run run(*this, call);
  task_node* node = allocate_task();
  node->group = nullptr;
  node->name = "root";
  node->site = call.site;
  node->perform = &perform_root;
  *reinterpret_cast<root_run**>(node->storage) = &run;
  inject_from_outside(*node);
  run.wait();
}

runtime_statistics runtime_core::statistics() const {
  runtime_statistics s;
  for (const auto& w : workers_) s.workers.push_back(w->statistics());
  s.fibers_created = fibers_created.load(std::memory_order_relaxed);
  s.stacks_live = stacks.live();
  return s;
}

}  // namespace weft::detail
