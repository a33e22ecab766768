// Hosts: pooled fibers that run tasks one after the other. A host whose task parks becomes a fiber like any other, and another
// host takes over; so a task that never waits never has a stack of its own.
#include <cerrno>
#include <cfenv>
#include <system_error>
#include <utility>

#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

namespace {

constexpr unsigned most_idle_hosts = 512;  // kept by one worker; half of them go to the runtime's pool beyond that
// A stolen task shorter than this cost more to fetch than it took off its owner's hands (about 150 ns; a steal costs both sides
// some 100 ns of cache misses).
constexpr std::uint64_t crumb_cycles = 400;

// What Boost calls a StackAllocator. Boost puts its control block on the new stack and keeps a copy of this there.
class pool_allocator {
 public:
  pool_allocator(stack_pool& pool, fiber& f) noexcept : pool_(&pool), fiber_(&f) {}

  boost::context::stack_context allocate() {
    char* stack = pool_->take();
    if (stack == nullptr) throw std::bad_alloc();
    boost::context::stack_context context;
    context.size = pool_->size() - stack_pool::guard_size;
    context.sp = stack + pool_->size();
    fiber_->stack_low = stack + stack_pool::guard_size;
    fiber_->stack_size = context.size;
    return context;
  }
  void deallocate(boost::context::stack_context& context) noexcept {
    pool_->give_back(static_cast<char*>(context.sp) - pool_->size());
  }

 private:
  stack_pool* pool_;
  fiber* fiber_;
};

// A context begins with the floating-point control words of whoever makes it. That is a fiber about to park, whose rounding mode is
// nothing to the tasks of the new host.
class default_rounding {
 public:
  default_rounding() noexcept : changes_(!is_default()) {
    if (!changes_) [[likely]]
      return;
    std::fegetenv(&makers_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~default_rounding() {
    if (changes_) std::fesetenv(&makers_);
  }
  default_rounding(const default_rounding&) = delete;
  default_rounding& operator=(const default_rounding&) = delete;

 private:
  // The control words as a process begins with them. Looking is a tenth of what <cfenv> takes to save and set.
  static bool is_default() noexcept {
    constexpr unsigned exception_flags = 0x3f;
    constexpr unsigned sse = 0x1f80;
    constexpr std::uint16_t x87 = 0x037f;
    std::uint16_t x87_now = 0;
    asm volatile("fnstcw %0" : "=m"(x87_now));
    return x87_now == x87 && (__builtin_ia32_stmxcsr() & ~exception_flags) == sse;
  }

  const bool changes_;
  std::fenv_t makers_;
};

}  // namespace

// The context begins with one reference, which Boost drops when it has ended; the pointer's own goes here.
fiber* worker::make_host() noexcept {
  try {
    auto f = std::make_unique<fiber>(runtime_);
    fiber* host = f.get();
    const default_rounding rounding;
    boost::fibers::make_worker_context_with_properties(boost::fibers::launch::post, host,
                                                       pool_allocator(runtime_->stacks, *host), &host_main, host);
    runtime_->fibers_created.fetch_add(1, std::memory_order_relaxed);
    runtime_->known.add(*host);
    return f.release();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// A host to switch to; nullptr if no stack can be had. Then a task fails with that error, but only from the dispatcher: ending a
// task may wake a fiber, which must not be the one that is about to park on this stack.
fiber* worker::idle_host() noexcept {
  task_wanted_ = true;
  if (fiber* f = idle_hosts_) [[likely]] {
    idle_hosts_ = f->next;
    idle_host_count_.subtract();
    return f;
  }
  if (fiber* f = runtime_->take_pooled_host()) return f;
  if (fiber* f = make_host()) return f;
  task_wanted_ = false;
  if (current_ == dispatcher_) refuse_task();
  return nullptr;
}

void worker::refuse_task() noexcept {
  task_node* task = next_task_for_host();
  if (task == nullptr) return;
  const std::size_t live = runtime_->stacks.live();
  auto error = std::make_exception_ptr(
      std::system_error(ENOMEM, std::generic_category(),
                        "weft: no stack for another fiber (" + std::to_string(live) +
                            " are in use); raise vm.max_map_count or the memory limit, or run fewer at a time"));
  if (task->group == nullptr) return refuse_root(*task, std::move(error));
  task->perform(*task, task_node::action::drop_closure);
  fail_unstarted(*task, std::move(error));
}

task_node* worker::next_task_for_host() noexcept {
  if (task_node* task = handed_) {
    handed_ = nullptr;
    return task;
  }
  if (task_node* task = tasks_.pop()) return task;
  return steal_task();
}

void worker::host_main(fiber* self) {
  for (;;) {
    worker* w = this_worker();
    task_node* task = nullptr;
    // Ready fibers go before further tasks; the first was chosen by pick_carefully.
    const bool wanted = std::exchange(w->task_wanted_, false);
    const bool fibers_wait = w->next_.load(std::memory_order_relaxed) != nullptr || !w->ready_.empty() ||
                             w->notified_.load(std::memory_order_relaxed) || w->poll_wanted_ || w->has_bound();
    if (wanted || w->handed_ != nullptr || !fibers_wait) task = w->next_task_for_host();
    if (task == nullptr) {
      if (w->runtime_->stopping()) return;
      self->wait.prepare(false);  // tickets of the tasks it ran must not name this wait
      w->park(release_step([self] { keep_host(self); }));
      continue;
    }
    w->run_on_host(*self, *task);
  }
}

// The release step of a host without work. Runs on the worker that the host parked on.
void worker::keep_host(fiber* host) noexcept {
  worker* w = this_worker();
  host->next = w->idle_hosts_;
  w->idle_hosts_ = host;
  w->idle_host_count_.add();
  if (w->idle_host_count_.get() <= most_idle_hosts) return;
  for (unsigned i = 0; i < most_idle_hosts / 2; ++i) {
    fiber* surplus = w->idle_hosts_;
    w->idle_hosts_ = surplus->next;
    w->idle_host_count_.subtract();
    w->runtime_->give_pooled_host(*surplus);
  }
}

// Counts as a switch, so that a run of short tasks reaches the driver and the queues as often as a run of switches.
void worker::run_on_host(fiber& self, task_node& task) noexcept {
  switches_.add();
  tasks_run_.add();
  if (switches_.get() % 64 == 0 && (switches_.get() % 256 == 0 || poll_is_due())) {
    poll_wanted_ = careful_ = injected_due_ = true;
  }
  if (!task_is_special_) [[likely]]
    return run_task(self, task);
  run_special(self, task);
}

// A stolen task, or one on a runtime with a trace. A root function records itself.
void worker::run_special(fiber& self, task_node& task) noexcept {
  const bool stolen = std::exchange(task_is_stolen_, false);
  task_is_special_ = trace_ != nullptr;
  if (trace_ != nullptr && task.group != nullptr) trace_->record(task);
  const std::uint64_t start = __builtin_ia32_rdtsc();
  run_task(self, task);
  if (stolen && this_worker() == this) crumbs_ = __builtin_ia32_rdtsc() - start < crumb_cycles ? crumbs_ + 1 : 0;
}

// Half of the stack must remain: a task that fits a stack of its own with room to spare must not overflow its waiter's.
bool worker::may_run_inline() const noexcept {
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  const fiber& f = *current_;
  return f.stack_low != nullptr && here - f.stack_low > static_cast<std::ptrdiff_t>(f.stack_size / 2) &&
         live_exceptions_->empty();
}

task_node* worker::pop_task_if(const task_node* wanted) noexcept {
  if (tasks_.peek() != wanted) return nullptr;
  task_node* task = tasks_.pop();
  if (task == nullptr || task == wanted) return task;
  tasks_.push(task);
  return nullptr;
}

task_node* worker::pop_task_of(const group_core* group) noexcept {
  task_node* task = tasks_.pop();
  if (task == nullptr || task->group == group) return task;
  tasks_.push(task);
  return nullptr;
}

}  // namespace weft::detail
