#include <weft/scheduler/detail/runtime_core.hpp>

#include <pthread.h>
#include <sched.h>

#include <algorithm>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <weft/scheduler/detail/check_options.hpp>
#include <weft/scheduler/detail/fences.hpp>
#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/placement.hpp>
#include <weft/scheduler/detail/service_core.hpp>
#include <weft/scheduler/detail/shutdown_watch.hpp>
#include <weft/scheduler/detail/trace.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/own_thread.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::detail {

namespace {

// What a thread of blocking() is called, and that it may run anywhere although it is a bound worker that starts it.
std::function<void()> prepare_blocking_thread(const options& o) {
  return [name = o.name + "-blk", bound = o.pin != pinning::none, cpus = allowed_cpus()] {
    name_this_thread(name);
    if (bound) ::pthread_setaffinity_np(::pthread_self(), sizeof cpus, &cpus);
  };
}

// A root function while it runs; stands on the stack of the thread that waits.
struct root_run : root_entry {
  root_run(runtime_core& core, root_call& c)
      : call(c), tree{&core, services.get()}, root_scope(tree, core.cancel_epoch) {
    root_scope.set_label({}, c.site);
    (void)root_scope.is_cancelled();  // a first look, which all scopes below inherit
    outermost = &root_scope;
    core.deadlocks.add(*this);
  }

  void finished() {
    std::lock_guard guard(mutex);  // held while notifying: the waiting thread takes this object away with it
    if (counts) waiting_threads::end();
    done = true;
    changed.notify_one();
  }
  void wait() {
    std::unique_lock guard(mutex);
    changed.wait(guard, [this] { return done; });
  }
  // True if it is done.
  bool wait_until(std::chrono::steady_clock::time_point limit) {
    std::unique_lock guard(mutex);
    return changed.wait_until(guard, limit, [this] { return done; });
  }

  root_call& call;
  const bool counts = !own_thread::is_current();  // as a thread of the program that waits
  const std::shared_ptr<service_core> services = std::make_shared<service_core>();
  const scope_root tree;
  scope root_scope;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

// Returns when the counter has reached the value.
void await(const std::atomic<unsigned>& counter, std::size_t value) noexcept {
  for (unsigned seen = counter.load(std::memory_order_acquire); seen < value;
       seen = counter.load(std::memory_order_acquire)) {
    counter.wait(seen, std::memory_order_acquire);
  }
}

void perform_root(task_node& node, task_node::action) {
  root_run& run = **reinterpret_cast<root_run**>(node.storage);
  fiber& self = *this_worker()->current();
  self.task = &node;
  self.current_scope = &run.root_scope;
  std::exception_ptr error;
  try {
    const trace_slice slice(node);
    const service_core::stay stay(*run.services, run.call.site);
    run.call.invoke(run.call);
  } catch (...) {
    error = std::current_exception();
  }
  run.call.error = run.tree.runtime->deadlocks.remove(run, settle(self, std::move(error)));
  if (self.registered != nullptr) self.registered->remove_member(self);
  self.current_scope = nullptr;
  self.task = nullptr;
  free_task(&node);
  run.finished();
}

}  // namespace

void refuse_root(task_node& node, std::exception_ptr error) noexcept {
  if (node.perform != &perform_root) return node.perform(node, task_node::action::drop_closure);  // nobody to tell
  root_run& run = **reinterpret_cast<root_run**>(node.storage);
  run.call.error = run.tree.runtime->deadlocks.remove(run, std::move(error));
  free_task(&node);
  run.finished();
}

runtime_core::runtime_core(options o, seeded_run* s)
    : stacks(o.stack_size),
      blocking(o.blocking_threads, prepare_blocking_thread(o)),
      seeded(s),
      follows_cpus_(o.workers == 0),
      options_(completed(std::move(o))) {
  placement = place_workers(options_);
  if (!options_.trace.empty()) trace = std::make_unique<trace_file>(options_.trace, options_.name);
  prepare_fences();
  watch_forks();
  if (seeded != nullptr) idle.add(idle_set::capacity - 1);  // nobody; see worker_seeded.cpp
  if (options_.dump_on_sigquit) dumps.emplace();
  start_workers();
  runtime_list::add(*this);
}

runtime_core::~runtime_core() {
  runtime_list::remove(*this);
  stop_workers();
}

void runtime_core::start_workers() {
  const unsigned n = options_.workers;
  workers_.reserve(idle_set::capacity);
  for (unsigned i = 0; i < n; ++i) workers_.emplace_back(new worker(*this, i));
  live_.store(n, std::memory_order_release);
  try {
    for (unsigned i = 0; i < n; ++i) threads_.emplace_back([w = workers_[i].get()] { w->run_thread(); });
  } catch (const std::system_error& e) {
    failure_ = std::make_exception_ptr(std::system_error(
        e.code(),
        "weft: cannot start " + std::to_string(n) + " worker threads; raise the limit of processes (ulimit -u)"));
  }
  await(tried_, threads_.size());
  phase_.store(failure_ == nullptr ? phase::working : phase::given_up, std::memory_order_release);
  phase_.notify_all();
  if (failure_ == nullptr) {
    if (options_.monitor && seeded == nullptr) watcher.arm(follows_cpus_);
    return;
  }
  stop_workers();
  std::rethrow_exception(failure_);
}

// Where workers have failed there are none to interrupt.
void runtime_core::stop_workers() noexcept {
  watcher.stop();
  while (visitors_.load(std::memory_order_acquire) != 0) ::sched_yield();
  stopping_.store(true, std::memory_order_seq_cst);
  if (phase_.load(std::memory_order_relaxed) == phase::working) {
    for (const auto& w : workers()) w->interrupt();
    ended_.fetch_add(1, std::memory_order_acq_rel);  // from here we do not use their drivers any more
    ended_.notify_all();
  }
  for (std::thread& t : threads_) t.join();
}

bool runtime_core::may_begin(unsigned index, std::exception_ptr error) noexcept {
  const bool able = error == nullptr;
  if (!able) {
    std::lock_guard guard(hosts_lock_);
    if (failure_ == nullptr) failure_ = std::move(error);
  }
  tried_.fetch_add(1, std::memory_order_release);
  tried_.notify_all();
  phase_.wait(phase::starting, std::memory_order_acquire);
  if (!able || phase_.load(std::memory_order_acquire) != phase::working) return false;
  await(live_, index + 1);  // or it might be counted as asleep before it is as a worker
  return true;
}

void runtime_core::await_end_of_all() noexcept {
  ended_.fetch_add(1, std::memory_order_acq_rel);
  ended_.notify_all();
  await(ended_, workers().size() + 1);  // and whoever stops them
}

bool runtime_core::all_asleep() const noexcept {
  return idle.sleepers() + resting.load(std::memory_order_seq_cst) == workers().size();
}

bool runtime_core::start_worker() noexcept {
  const unsigned index = live_.load(std::memory_order_relaxed);
  if (index == idle_set::capacity) return false;
  try {
    workers_.emplace_back(new worker(*this, index));
    threads_.emplace_back([w = workers_.back().get()] { w->run_thread(); });
  } catch (const std::exception&) {
    workers_.resize(index);
    return false;
  }
  await(tried_, threads_.size());
  if (failure_ != nullptr) {  // it has no driver
    threads_.back().join();
    threads_.pop_back();
    workers_.pop_back();
    tried_.fetch_sub(1, std::memory_order_relaxed);
    failure_ = nullptr;
    return false;
  }
  live_.store(index + 1, std::memory_order_release);
  live_.notify_all();
  return true;
}

void runtime_core::wake_if_wanted() noexcept {
  light_fence();
  if (!idle.wants_wake()) [[likely]]
    return;
  wake_one();
}

void runtime_core::wake_for_task() noexcept {
  light_fence();
  if (!idle.wants_wake()) [[likely]]
    return;
  if (seeded != nullptr) return switch_by_seed();
  wake_one();
}

[[gnu::noinline]] void runtime_core::wake_one() noexcept {
  if (seeded != nullptr) [[unlikely]] {
    if (const worker* w = this_worker(); w == nullptr || &w->runtime() != this) workers_.front()->interrupt();
    return;
  }
  const int sleeper = idle.claim_one();
  if (sleeper < 0) return;
  worker& w = *workers_[static_cast<std::size_t>(sleeper)];
  w.count_wake();
  if (worker* sender = this_worker(); sender != nullptr && &sender->runtime() == this) sender->count_wake_sent();
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

void runtime_core::inject_from_outside(fiber& f) noexcept {
  if (!is_gone()) inject(fibers, f);
}
void runtime_core::ready_bound_from_outside(fiber& f) noexcept {
  if (is_gone()) return;
  visitors_.fetch_add(1, std::memory_order_relaxed);
  f.bound_to->ready_bound(f);
  visitors_.fetch_sub(1, std::memory_order_release);
}
void runtime_core::inject_from_outside(task_node& task) noexcept {
  if (is_gone()) die_after_fork();
  inject(tasks, task);
}

fiber* runtime_core::take_pooled_host() noexcept {
  std::lock_guard guard(hosts_lock_);
  fiber* f = hosts_;
  if (f == nullptr) return nullptr;
  hosts_ = f->next;
  --host_count_;
  return f;
}

void runtime_core::give_pooled_host(fiber& f) noexcept {
  std::lock_guard guard(hosts_lock_);
  f.next = hosts_;
  hosts_ = &f;
  ++host_count_;
}

void runtime_core::run_root(root_call& call) {
  if (is_gone()) die_after_fork();
  if (worker* w = this_worker(); w != nullptr && in_fiber()) {
    if (&w->runtime() == this) return call.invoke(call);
    std::atomic<unsigned>& elsewhere = w->runtime().runs_elsewhere;
    return weft::blocking([&] {  // another runtime's fiber: only that fiber waits
      elsewhere.fetch_add(1, std::memory_order_relaxed);
      run_root(call);
      elsewhere.fetch_sub(1, std::memory_order_relaxed);
    });
  }
  root_run run(*this, call);
  std::optional<shutdown_watch> watch;
  if (options_.end_on_signals) watch.emplace(run.root_scope, options_.signal_grace);
  task_node* node = allocate_task();
  node->group = nullptr;
  node->name = "root";
  node->site = call.site;
  node->perform = &perform_root;
  *reinterpret_cast<root_run**>(node->storage) = &run;
  inject_from_outside(*node);
  if (run.counts) waiting_threads::begin();
  for (auto due = watcher.due(); due && !run.wait_until(*due); due = watcher.due()) watcher.start();
  run.wait();
  if (trace != nullptr) trace->flush();
}

runtime_statistics runtime_core::statistics() const {
  runtime_statistics s;
  s.name = options_.name;
  for (const auto& w : workers()) {
    s.workers.push_back(w->statistics());
    if (const std::string name(w->driver_name()); s.drivers.find(name) == std::string::npos) {
      s.drivers += s.drivers.empty() ? name : ", " + name;
    }
    s.stacks_idle += w->idle_hosts();
  }
  s.fibers_created = fibers_created.load(std::memory_order_relaxed);
  s.stacks_live = stacks.live() + own_stacks.live();
  s.stack_size = stacks.size();
  s.stack_high_water = std::max(stacks.high_water(), own_stacks.high_water());
  s.queued_fibers = static_cast<std::size_t>(fibers.size());
  s.queued_tasks = static_cast<std::size_t>(tasks.size());
  s.workers_wanted = wanted_workers();
  s.spares_on_duty = watcher.spares_on_duty();
  s.blocks_noticed = watcher.blocks_noticed();
  s.hogs_noticed = watcher.hogs_noticed();
  s.rescues = watcher.rescues();
  const blocking_pool::usage threads = blocking.use();
  s.blocking_busy = threads.busy;
  s.blocking_idle = threads.idle;
  s.blocking_queued = threads.queued;
  if (trace != nullptr) {
    s.trace_events = trace->written();
    s.trace_events_lost = trace->lost();
  }
  std::lock_guard guard(hosts_lock_);
  s.stacks_idle += host_count_;
  return s;
}

}  // namespace weft::detail
