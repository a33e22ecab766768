// A worker: an OS thread that runs fibers. It is the Boost.Fiber algorithm of that thread: Boost switches contexts and keeps its
// own synchronisation types working, this class decides who runs next, where a fiber may resume and how the thread sleeps.
//
// What it relies on in Boost.Fiber 1.81 (each has a test in tests/scheduler/boost_contracts_test.cpp):
//   - pick_next() runs on the outgoing stack; it may return null only to the dispatcher, and never the running context
//   - awakened() runs on the incoming stack, when the outgoing context's registers are saved
//   - launch::dispatch switches without pick_next()
//   - a worker context may be detached from one scheduler in awakened() and attached to another before it is resumed
#pragma once

#include <atomic>
#include <boost/fiber/algo/algorithm.hpp>
#include <boost/fiber/scheduler.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include <weft/scheduler/detail/counter.hpp>
#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/probes.hpp>
#include <weft/scheduler/detail/ready_ring.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/task_deque.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/time_account.hpp>
#include <weft/scheduler/detail/timers.hpp>
#include <weft/scheduler/detail/trace.hpp>
#include <weft/scheduler/driver.hpp>

namespace weft::detail {

class worker;

// The calling thread's worker; nullptr elsewhere. Opaque to the optimiser: a thread-local's address kept across a switch would
// be another thread's variable.
[[gnu::noinline, gnu::noclone]] worker* this_worker() noexcept;

// Makes a fiber whose wait was claimed ready to run. Any thread.
void unpark(fiber& f) noexcept;

[[noreturn]] void die_leaving_scope_out_of_order() noexcept;

class alignas(128) worker final : public boost::fibers::algo::algorithm {
 public:
  using clock = std::chrono::steady_clock;

  worker(runtime_core& runtime, unsigned index);
  ~worker() override;

  // ---- the thread
  void run_thread() noexcept;

  // ---- what fibers on this worker ask of it
  [[nodiscard]] fiber* current() const noexcept { return current_; }
  [[nodiscard]] runtime_core& runtime() const noexcept { return *runtime_; }
  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] driver& io() const noexcept { return *driver_; }
  [[nodiscard]] std::string_view driver_name() const noexcept { return driver_ != nullptr ? driver_->name() : "none"; }
  [[nodiscard]] timer_heap& timers() noexcept { return timers_; }
  // The exception state of whatever runs on this thread now.
  [[nodiscard]] const exception_state& live_exceptions() const noexcept { return *live_exceptions_; }

  // Switches away for good until unpark(): release() runs once the stack is out of use. *this is not valid for the
  // caller afterwards: it may be on another worker.
  void park(const release_step& release) noexcept;
  // Lets others run; the caller goes to the end of this worker's queue, or of the runtime's if its slice is over.
  void yield() noexcept;
  void yield_after_slice() noexcept;
  // In a seeded run only (worker_seeded.cpp): lets others run if the seed wants it; forgets what was counted.
  void schedule_point() noexcept;
  void begin_schedule() noexcept;

  void ready(fiber& f) noexcept;
  // The same of one that is bound to this worker. Any thread.
  void ready_bound(fiber& f) noexcept;
  void push_task(task_node& task) {
    spawned_.add();
    tasks_.push(&task);
    runtime_->wake_for_task();
  }
  // The newest unstarted task of this worker if it is `wanted`, or belongs to `group`; else nullptr.
  task_node* pop_task_if(const task_node* wanted) noexcept;
  task_node* pop_task_of(const group_core* group) noexcept;
  // True if a task may run on the caller's stack instead of one of its own.
  [[nodiscard]] bool may_run_inline() const noexcept;
  void count_task() noexcept { tasks_run_.add(); }
  // Whoever runs task after task on one stack asks after each: now and then, if others are ready or I/O and timers are due, it
  // should yield.
  [[nodiscard]] bool should_give_way() noexcept { return tasks_run_.get() % 64 == 0 && others_wait(); }
  // Fibers are ready, or I/O and timers are due.
  [[nodiscard]] bool others_wait() noexcept {
    return next_.load(std::memory_order_relaxed) != nullptr || !ready_.empty() || has_bound() || poll_is_due();
  }
  [[nodiscard]] bool has_no_tasks() const noexcept { return tasks_.empty(); }

  // Memory of task nodes (task_pool.cpp).
  task_node* allocate_node() {
    if (free_nodes_ == nullptr) [[unlikely]]
      fetch_nodes();
    task_node* node = free_nodes_;
    free_nodes_ = node->next;
    --free_node_count_;
    return node;
  }
  void free_node(task_node* node) noexcept {
    node->next = free_nodes_;
    free_nodes_ = node;
    if (++free_node_count_ >= most_free_nodes) [[unlikely]]
      spill_nodes();
  }
  void give_nodes_back() noexcept;

  void interrupt() noexcept { driver_->interrupt(); }
  // In the child of a fork() that one of its fibers has called.
  void be_orphaned() noexcept;

  // ---- what the monitor asks; any thread
  [[nodiscard]] pid_t thread_id() const noexcept { return thread_id_; }
  // That its thread has used, in nanoseconds.
  [[nodiscard]] std::int64_t cpu_time() const noexcept;
  // Changes whenever the worker gets on.
  [[nodiscard]] std::uint64_t progress() const noexcept { return switches_.get() + tasks_run_.get(); }
  [[nodiscard]] bool has_waiting_fibers(clock::time_point now) const noexcept {
    return next_.load(std::memory_order_relaxed) != nullptr || !ready_.empty() || timers_.next() <= now;
  }
  // Beyond the workers that are wanted: there for what waits behind stuck ones.
  [[nodiscard]] bool is_spare() const noexcept { return index_ >= runtime_->wanted_workers(); }
  // A spare that the monitor does not want now: it gives its work away and sleeps.
  [[nodiscard]] bool off_duty() const noexcept {
    return index_ >= runtime_->wanted_workers() + runtime_->watcher.spares_on_duty();
  }
  // Its thread is about to block, and knows it: no report.
  void announce_block(bool announced) noexcept { block_announced_.store(announced, std::memory_order_relaxed); }
  [[nodiscard]] bool block_is_announced() const noexcept { return block_announced_.load(std::memory_order_relaxed); }
  // Its thread waits in the kernel: its tasks are for anybody, spares included.
  void set_blocked(bool blocked) noexcept { blocked_.store(blocked, std::memory_order_relaxed); }
  // The fiber that it runs is to give way at its next turn_point().
  void request_turn() noexcept;
  // True if it was asked for, and has not been given yet.
  bool withdraw_turn_request() noexcept;

  // ---- what the deadlock watch asks; any thread
  [[nodiscard]] std::uint64_t parks() const noexcept { return parks_.get(); }
  // When it fell asleep, no operation of its driver was in flight; and it has no timer.
  [[nodiscard]] bool expects_nothing() const noexcept {
    return !operations_pending_.load(std::memory_order_relaxed) && timers_.empty();
  }
  void count_wake() noexcept { wakes_.fetch_add(1, std::memory_order_relaxed); }
  void count_wake_sent() noexcept { wakes_sent_.add(); }
  [[nodiscard]] worker_statistics statistics() const noexcept;
  [[nodiscard]] std::size_t idle_hosts() const noexcept { return idle_host_count_.get(); }
  // Where what it runs is recorded; nullptr: nowhere.
  [[nodiscard]] trace_row* trace() const noexcept { return trace_; }

  // ---- boost::fibers::algo::algorithm
  void awakened(boost::fibers::context* c) noexcept override;
  boost::fibers::context* pick_next() noexcept override;
  [[nodiscard]] bool has_ready_fibers() const noexcept override { return has_local_work(); }
  void suspend_until(const clock::time_point& until) noexcept override;
  void notify() noexcept override;

 private:
  friend struct observer;
  static constexpr unsigned most_free_nodes = 512;
  void fetch_nodes();
  void spill_nodes() noexcept;

  // Choosing (worker.cpp)
  fiber* next_in_turn(std::uint64_t switches) noexcept;
  boost::fibers::context* pick_carefully() noexcept;
  fiber* pick_as_without_trace() noexcept;
  void trace_switch(const fiber& f) noexcept;
  boost::fibers::context* load(fiber* f) noexcept;
  [[nodiscard]] bool poll_is_due() noexcept;
  void poll() noexcept;
  fiber* take_injected() noexcept;
  void push_ready(fiber* f) noexcept;
  void push_bound(fiber* f) noexcept;
  fiber* take_bound() noexcept;
  [[nodiscard]] bool has_bound() const noexcept {
    return first_bound_ != nullptr || arrived_bound_.load(std::memory_order_relaxed) != nullptr;
  }
  void overflow(fiber* f) noexcept;
  fiber* take_next() noexcept;
  void hand_over() noexcept;
  fiber* adopt(boost::fibers::context* c);
  [[nodiscard]] bool has_local_work() const noexcept;

  // Choosing in a seeded run (worker_seeded.cpp)
  fiber* choose_by_seed() noexcept;
  void gather_ready() noexcept;
  [[nodiscard]] std::uint32_t ready_count() const noexcept;
  fiber* take_by_seed() noexcept;
  void wait_by_seed(clock::time_point until) noexcept;

  // Searching and sleeping (worker_idle.cpp)
  fiber* find_elsewhere() noexcept;
  bool take_task_elsewhere() noexcept;
  task_node* steal_task() noexcept;
  void back_off_from_crumbs() noexcept;
  fiber* steal_fiber() noexcept;
  fiber* take_half_of(worker& victim) noexcept;
  fiber* take_stuck_next(worker& victim) noexcept;
  bool fire_overdue_elsewhere(clock::time_point now) noexcept;
  [[nodiscard]] bool work_in_sight(clock::time_point now) noexcept;
  [[nodiscard]] bool search_awhile() noexcept;
  [[nodiscard]] bool may_steal_tasks_of(const worker& victim) const noexcept;
  void sleep_off_duty(clock::time_point until) noexcept;
  [[nodiscard]] clock::time_point until_deadlock_is_looked_for() noexcept;
  void note_steal(trace_label::kind what, const worker& victim, std::uint64_t count) noexcept;
  void sleep(clock::time_point until) noexcept;
  void wait(clock::time_point until) noexcept;
  [[nodiscard]] clock::time_point backstop() noexcept;
  void end_quiet() noexcept;
  void begin_search(clock::time_point now) noexcept;
  void end_search() noexcept;

  // Hosts (worker_hosts.cpp)
  static void host_main(fiber* self);
  fiber* idle_host() noexcept;
  fiber* make_host() noexcept;
  task_node* next_task_for_host() noexcept;
  void run_on_host(fiber& self, task_node& task) noexcept;
  void run_special(fiber& self, task_node& task) noexcept;
  static void keep_host(fiber* host) noexcept;
  void refuse_task() noexcept;

  runtime_core* const runtime_;
  const unsigned index_;
  pid_t thread_id_ = 0;
  clockid_t cpu_clock_{};

  // Owner only.
  fiber* current_ = nullptr;  // whose stack this thread is on, main and dispatcher included
  fiber* parking_ = nullptr;  // set from park() until awakened()
  release_step release_;
  bool to_global_queue_ = false;  // the fiber that yields goes there
  bool slice_ended_ = false;      // of the fiber that ran last
  bool careful_ = false;          // the next pick must not take the short way: searching or a poll is wanted
  bool searching_ = false;
  std::int64_t looked_at_clock_ =
      0;  // the time it was then: now and then is often enough to tell how long a fiber has been parked
  unsigned quiet_sleeps_ = 0;  // in a row, while all others slept, too
  bool poll_wanted_ = false;
  bool injected_due_ = false;                   // work that belongs to no worker is looked at before our own
  exception_state* live_exceptions_ = nullptr;  // this thread's, looked up once
  int* live_errno_ = nullptr;
  boost::fibers::scheduler* scheduler_ = nullptr;
  fiber* main_ = nullptr;
  fiber* dispatcher_ = nullptr;   // can run whenever it is not current
  task_node* handed_ = nullptr;   // found by the dispatcher for the host it switches to
  bool task_wanted_ = false;      // the host that was picked is to run a task, though fibers may be ready
  bool task_is_stolen_ = false;   // the task that a host is about to run
  bool task_is_special_;          // it, or any with a trace
  int crumbs_ = 0;                // stolen tasks in a row that were not worth it
  fiber* first_bound_ = nullptr;  // ready, and to be resumed here only
  fiber* last_bound_ = nullptr;
  fiber* idle_hosts_ = nullptr;
  task_node* free_nodes_ = nullptr;
  unsigned free_node_count_ = 0;
  std::uint32_t random_;
  std::unique_ptr<driver> driver_;
  trace_row* const trace_;

  struct sighting {  // of a victim's run-next slot, which is taken only when it has not changed for a while
    fiber* next = nullptr;
    std::uint64_t switches = 0;
    clock::time_point since;
    bool stuck = false;
  };
  std::unique_ptr<sighting[]> sightings_;

  // Shared.
  counter switches_, spawned_, tasks_run_, parks_, tasks_stolen_, fibers_stolen_, wakes_sent_, sleeps_;
  counter idle_host_count_;
  time_account time_;
  std::atomic<std::uint64_t> wakes_{0};
  task_deque tasks_;
  ready_ring ready_;
  std::atomic<fiber*> next_{nullptr};  // the fiber woken last; runs next, in its waker's slice
  timer_heap timers_;
  std::atomic<bool> blocked_{false};  // as the monitor saw it
  std::atomic<bool> turn_requested_{false};
  std::atomic<bool> block_announced_{false};
  std::atomic<bool> operations_pending_{false};     // written before it sleeps
  std::atomic<fiber*> arrived_bound_{nullptr};      // more of those; the last one first
  alignas(128) std::atomic<bool> notified_{false};  // Boost has put a context on its remote queue
};

}  // namespace weft::detail
