#include <weft/scheduler/detail/worker.hpp>

#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>

#include <weft/scheduler/detail/clock.hpp>
#include <weft/scheduler/detail/futex_driver.hpp>
#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/placement.hpp>
#include <weft/scheduler/detail/stack_overflow.hpp>
#include <weft/scheduler/detail/thread_wait.hpp>
#include <weft/scheduler/observe/own_thread.hpp>

namespace weft::detail {

namespace {

[[gnu::tls_model("initial-exec")]] thread_local worker* worker_of_this_thread = nullptr;

// How often, in switches, a worker looks beyond its short way: at unstarted tasks beside ready fibers, at the runtime's queue, at
// the driver and timers, at Boost's own timers and terminated contexts.
constexpr std::uint64_t queue_interval = 32;
constexpr std::uint64_t task_interval = 16;
constexpr std::uint64_t poll_interval = 64;
constexpr std::uint64_t dispatcher_interval = 256;

fiber* properties_of(boost::fibers::context* c) noexcept { return static_cast<fiber*>(c->get_properties()); }

}  // namespace

worker* this_worker() noexcept {
  asm volatile("");  // keeps calls from being merged
  return worker_of_this_thread;
}

void unpark(fiber& f) noexcept {
  WEFT_PROBE(unpark, &f, f.task);
  worker* w = this_worker();
  const bool from_inside = w != nullptr && &w->runtime() == f.runtime;
  if (f.bound_to != nullptr) [[unlikely]] {
    from_inside ? f.bound_to->ready_bound(f) : f.runtime->ready_bound_from_outside(f);
  } else if (from_inside) {
    w->ready(f);
  } else if (is_thread(f)) {
    wake_thread(f);
  } else {
    f.runtime->inject_from_outside(f);
  }
}

void die_leaving_scope_out_of_order() noexcept {
  if (worker* w = this_worker(); w != nullptr && w->runtime().is_gone()) die_after_fork();
  std::fputs(
      "weft: a group or deadline is being destroyed that is not the innermost of its fiber. Make and destroy them on "
      "the same\n"
      "fiber, in reverse order, as local variables do.\n",
      stderr);
  std::abort();
}

// The thread is no worker's any more, and what it runs is no fiber; the next attempt to switch ends the process.
void worker::be_orphaned() noexcept {
  current_ = new fiber(runtime_);
  handed_ = nullptr;
  task_wanted_ = false;
  careful_ = poll_wanted_ = true;
}

fiber::~fiber() {
  if (registered != nullptr) registered->remove_member(*this);
  if (number != 0) runtime->known.remove(*this);
}

worker::worker(runtime_core& runtime, unsigned index)
    : runtime_(&runtime),
      index_(index),
      careful_(is_spare() || runtime.seeded != nullptr || runtime.trace != nullptr),
      task_is_special_(runtime.trace != nullptr),
      random_(index * 2654435761U + 1),
      trace_(runtime.trace != nullptr ? &runtime.trace->row(index) : nullptr),
      sightings_(std::make_unique<sighting[]>(idle_set::capacity)) {}

worker::~worker() { withdraw_turn_request(); }

// Boost makes the thread's main and dispatcher contexts and its scheduler on first use; suspending main starts the dispatcher, and
// main is resumed when the runtime stops. Boost's scheduler is destroyed with the thread's locals and asks this object once more.
void worker::run_thread() noexcept {
  worker_of_this_thread = this;
  const own_thread counted;
  thread_id_ = ::gettid();
  ::pthread_getcpuclockid(::pthread_self(), &cpu_clock_);
  name_this_thread(runtime_->settings().name + '-' + std::to_string(index_));
  stack_overflow_guard overflow_guard;
  std::exception_ptr no_driver;
  try {
    if (index_ < runtime_->placement.size()) bind_this_thread(runtime_->placement[index_]);
    driver_ = runtime_->settings().driver(index_);
  } catch (...) {
    no_driver = std::current_exception();
  }
  if (runtime_->may_begin(index_, std::move(no_driver))) {
    live_exceptions_ = reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
    live_errno_ = &errno;
    boost::fibers::context* main_context = boost::fibers::context::active();
    scheduler_ = main_context->get_scheduler();
    main_ = new fiber(runtime_, main_context);
    main_->pinned = true;
    main_context->set_properties(main_);
    current_ = main_;
    scheduler_->set_algo(this);
    time_.enter(activity::running, clock::now());
    scheduler_->suspend();
    runtime_->await_end_of_all();
  }
  driver_ = std::make_unique<futex_driver>();  // Boost's scheduler asks once more when the thread's locals go
  give_nodes_back();
  worker_of_this_thread = nullptr;
}

// ---------------------------------------------------------------------------------------------------- waiting

void worker::park(const release_step& release) noexcept {
  boost::fibers::context* self = current_->context();
  parks_.add();
  WEFT_PROBE(park, current_, current_->task);
  parking_ = current_;
  current_->parked_at = looked_at_clock_;
  release_ = release;
  pick_next()->resume(self);
}

void worker::yield() noexcept {
  const std::uint64_t switches = switches_.get();
  const bool alone = !has_local_work() && runtime_->fibers.empty() && runtime_->tasks.empty();
  if (alone && !notified_.load(std::memory_order_relaxed) && (switches + 1) % poll_interval != 0) {
    switches_.add();
    return;
  }
  boost::fibers::context* self = current_->context();
  pick_next()->resume(self);
}

void worker::yield_after_slice() noexcept {
  to_global_queue_ = slice_ended_ = true;
  poll_wanted_ = careful_ = true;
  boost::fibers::context* self = current_->context();
  pick_next()->resume(self);
}

// The last fiber woken runs next: it is what its waker works with. The one it displaces becomes work for all. No wake for the slot
// itself: its waker mostly parks soon.
void worker::ready(fiber& f) noexcept {
  fiber* displaced = nullptr;
  if (next_.load(std::memory_order_relaxed) == nullptr) {
    next_.store(&f, std::memory_order_release);  // only the owner fills it
  } else {
    displaced = next_.exchange(&f, std::memory_order_acq_rel);
  }
  if (displaced == nullptr) return;
  push_ready(displaced);
  runtime_->wake_if_wanted();
}

// Such fibers are nobody's to steal, and rare: the short way of choosing does not look for them.
void worker::ready_bound(fiber& f) noexcept {
  const bool here = this_worker() == this;
  fiber* head = arrived_bound_.load(std::memory_order_relaxed);
  do {
    f.next = head;
  } while (!arrived_bound_.compare_exchange_weak(head, &f, std::memory_order_seq_cst, std::memory_order_relaxed));
  if (here) {
    careful_ = true;
  } else {
    notify();
  }
}

void worker::push_bound(fiber* f) noexcept {
  f->next = nullptr;
  (first_bound_ != nullptr ? last_bound_->next : first_bound_) = f;
  last_bound_ = f;
  careful_ = true;
}

// In the order in which they became ready.
fiber* worker::take_bound() noexcept {
  if (arrived_bound_.load(std::memory_order_relaxed) != nullptr) {
    fiber* in_order = nullptr;
    for (fiber* f = arrived_bound_.exchange(nullptr, std::memory_order_acquire); f != nullptr;) {
      fiber* next = std::exchange(f->next, in_order);
      in_order = f;
      f = next;
    }
    while (in_order != nullptr) push_bound(std::exchange(in_order, in_order->next));
  }
  fiber* f = first_bound_;
  if (f != nullptr) first_bound_ = f->next;
  return f;
}

void worker::push_ready(fiber* f) noexcept {
  if (!ready_.push(f)) [[unlikely]]
    overflow(f);
}

[[gnu::noinline]] void worker::overflow(fiber* f) noexcept {
  ready_ring::batch half;
  const std::uint32_t n = ready_.take_half(half);
  if (n == 0) return push_ready(f);  // thieves have just made room
  for (std::uint32_t i = 0; i + 1 < n; ++i) half[i]->next = half[i + 1];
  half[n - 1]->next = f;
  runtime_->fibers.push(half[0], f, static_cast<long>(n) + 1);
}

fiber* worker::take_next() noexcept {
  if (next_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  return next_.exchange(nullptr, std::memory_order_acq_rel);
}

// Everything that another worker could do is for the others, now that this one is not to work any more.
void worker::hand_over() noexcept {
  while (fiber* f = take_next()) runtime_->fibers.push(f, f, 1);
  while (fiber* f = ready_.pop()) runtime_->fibers.push(f, f, 1);
  if (handed_ != nullptr) runtime_->tasks.push(handed_, handed_, 1);
  handed_ = nullptr;
  while (task_node* task = tasks_.pop()) runtime_->tasks.push(task, task, 1);
  if (!runtime_->fibers.empty() || !runtime_->tasks.empty()) runtime_->wake_if_wanted();
}

bool worker::has_local_work() const noexcept {
  return next_.load(std::memory_order_relaxed) != nullptr || !ready_.empty() || handed_ != nullptr || !tasks_.empty() ||
         has_bound();
}

// ---------------------------------------------------------------------------------------------------- choosing

// Exception state and errno follow the fiber, not the thread. A running fiber's saved exception state is empty.
[[gnu::always_inline]] inline boost::fibers::context* worker::load(fiber* f) noexcept {
  fiber* outgoing = current_;
  if (!live_exceptions_->empty() || !f->exceptions.empty()) [[unlikely]] {
    outgoing->exceptions = *live_exceptions_;
    *live_exceptions_ = std::exchange(f->exceptions, {});
  }
  outgoing->saved_errno = *live_errno_;
  *live_errno_ = f->saved_errno;
  current_ = f;
  if (!f->pinned) [[likely]]
    scheduler_->attach_worker_context(f->context());
  return f->context();
}

[[gnu::always_inline]] inline fiber* worker::next_in_turn(std::uint64_t switches) noexcept {
  fiber* f = nullptr;
  if (switches % queue_interval != 1) [[likely]]
    f = take_next();  // a ping-pong pair must not starve the queue
  return f != nullptr ? f : ready_.pop();
}

// The short way; everything rare is out of line, or its registers and stack arrays would be paid by each switch.
boost::fibers::context* worker::pick_next() noexcept {
  const std::uint64_t switches = switches_.get() + 1;
  switches_.add();
  if (switches % task_interval != 0 && !notified_.load(std::memory_order_relaxed) && !careful_) [[likely]] {
    if (fiber* f = next_in_turn(switches)) [[likely]]
      return load(f);
  }
  return pick_carefully();
}

// With a trace every pick is a careful one, so that the short way need not ask for it. Who comes next must not depend on that.
fiber* worker::pick_as_without_trace() noexcept {
  const bool careful = searching_ || poll_wanted_ || is_spare() || current_ == dispatcher_ || has_bound();
  const std::uint64_t switches = switches_.get();
  if (careful || switches % task_interval == 0 || notified_.load(std::memory_order_relaxed)) return nullptr;
  return next_in_turn(switches);
}

void worker::trace_switch(const fiber& f) noexcept {
  if (f.task != nullptr) return trace_->begin(trace_label(*f.task));
  trace_->begin(trace_label(f.may_park() ? trace_label::kind::fiber : trace_label::kind::nothing));
}

[[gnu::noinline]] boost::fibers::context* worker::pick_carefully() noexcept {
  if (runtime_->is_gone()) [[unlikely]]
    die_after_fork();
  if (runtime_->seeded != nullptr) [[unlikely]] {
    fiber* chosen = choose_by_seed();
    return chosen != nullptr ? load(chosen) : nullptr;
  }
  if (trace_ != nullptr) [[unlikely]] {
    if (fiber* f = pick_as_without_trace()) {
      trace_switch(*f);
      return load(f);
    }
  }
  const std::uint64_t switches = switches_.get();
  const bool from_dispatcher = current_ == dispatcher_;
  if (off_duty()) [[unlikely]]
    hand_over();
  if (switches % poll_interval == 0) injected_due_ = true;
  fiber* f = nullptr;
  if (from_dispatcher) {
    poll();
  } else if (switches % dispatcher_interval == 0 || poll_wanted_ || (switches % poll_interval == 0 && poll_is_due())) {
    if (!poll_wanted_) injected_due_ = true;  // who ends a slice waits there himself: others come first
    f = dispatcher_;
  } else if (notified_.load(std::memory_order_relaxed)) {
    notified_.exchange(false, std::memory_order_acq_rel);  // cleared before the dispatcher looks, or a wake is lost
    f = dispatcher_;
  }
  if (f == nullptr && std::exchange(injected_due_, false)) f = take_injected();
  if (f == nullptr && switches % task_interval == 0 && !tasks_.empty()) f = idle_host();
  if (f == nullptr && switches % 2 == 0) f = take_bound();  // they and the others by turns
  if (f == nullptr) f = ready_.pop();
  if (f == nullptr) f = take_next();
  if (f == nullptr) f = take_bound();
  if (f == nullptr && (handed_ != nullptr || !tasks_.empty())) f = idle_host();
  if (f == nullptr) {
    f = from_dispatcher ? find_elsewhere() : dispatcher_;
    if (f == nullptr) return nullptr;
  }
  if (searching_ && f != dispatcher_) end_search();
  if (quiet_sleeps_ > 0 && f != dispatcher_) end_quiet();
  // The dispatcher's own pick is the one that polls.
  careful_ = searching_ || poll_wanted_ || f == dispatcher_ || is_spare() || trace_ != nullptr || has_bound();
  if (trace_ != nullptr) [[unlikely]]
    trace_switch(*f);
  return load(f);
}

// Work that belongs to no worker: fibers, and functions that have not begun.
fiber* worker::take_injected() noexcept {
  if (fiber* f = runtime_->fibers.pop()) return f;
  if (handed_ == nullptr) handed_ = runtime_->tasks.pop();
  return handed_ != nullptr ? idle_host() : nullptr;
}

void worker::awakened(boost::fibers::context* c) noexcept {
  fiber* f = properties_of(c);
  if (f == nullptr) [[unlikely]]
    f = adopt(c);
  if (f == current_) [[unlikely]] {  // launch::dispatch came here without pick_next(): its part is done now
    f->exceptions = std::exchange(*live_exceptions_, {});
    f->saved_errno = *live_errno_;
    boost::fibers::context* active = boost::fibers::context::active();
    current_ = properties_of(active) != nullptr ? properties_of(active) : adopt(active);
  }
  if (f->pinned) [[unlikely]]
    return;  // the dispatcher is always there; main is resumed only by stopping
  scheduler_->detach_worker_context(c);
  if (f == parking_) {
    parking_ = nullptr;
    f->wait.begin_waiting();
    release_();
  } else if (f->bound_to != nullptr) [[unlikely]] {
    to_global_queue_ = false;
    push_bound(f);
  } else if (to_global_queue_) {
    to_global_queue_ = false;
    runtime_->fibers.push(f, f, 1);
    runtime_->wake_if_wanted();
  } else {
    push_ready(f);
    runtime_->wake_if_wanted();
  }
}

// A context that Boost made: a boost::fibers::fiber, or this thread's dispatcher.
fiber* worker::adopt(boost::fibers::context* c) {
  auto* f = new fiber(runtime_, c);
  c->set_properties(f);
  f->pinned = c->is_context(boost::fibers::type::pinned_context);
  if (c->is_context(boost::fibers::type::dispatcher_context)) {
    dispatcher_ = f;
  } else {
    f->current_scope = &runtime_->outermost;
    if (!f->pinned) runtime_->known.add(*f);
  }
  return f;
}

std::int64_t worker::cpu_time() const noexcept {
  timespec used{};
  ::clock_gettime(cpu_clock_, &used);
  return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

void worker::notify() noexcept {
  notified_.store(true, std::memory_order_seq_cst);
  driver_->interrupt();
}

bool worker::poll_is_due() noexcept {
  return driver_->busy() || !runtime_->fibers.empty() || !runtime_->tasks.empty() ||
         (!timers_.empty() && timers_.next() <= now());
}

// On the dispatcher's stack only: a fiber that is about to park must not have its own wait ended under it.
void worker::poll() noexcept {
  poll_wanted_ = false;
  if (driver_->busy()) driver_->poll();
  const clock::time_point now = weft::detail::now();
  looked_at_clock_ = now.time_since_epoch().count();
  if (!timers_.empty()) timers_.fire_due(now);
}

worker_statistics worker::statistics() const noexcept {
  const time_account::sums time = time_.read();
  return {.switches = switches_.get(),
          .spawns = spawned_.get(),
          .tasks_run = tasks_run_.get(),
          .parks = parks_.get(),
          .tasks_stolen = tasks_stolen_.get(),
          .fibers_stolen = fibers_stolen_.get(),
          .wakes_sent = wakes_sent_.get(),
          .wakes = wakes_.load(std::memory_order_relaxed),
          .sleeps = sleeps_.get(),
          .operations = driver_ != nullptr ? driver_->operations() : 0,
          .running = time[static_cast<std::size_t>(activity::running)],
          .searching = time[static_cast<std::size_t>(activity::searching)],
          .asleep = time[static_cast<std::size_t>(activity::asleep)]};
}

}  // namespace weft::detail
