// What the workers of one runtime share.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <weft/scheduler/detail/blocking_pool.hpp>
#include <weft/scheduler/detail/fork.hpp>
#include <weft/scheduler/detail/idle_set.hpp>
#include <weft/scheduler/detail/monitor.hpp>
#include <weft/scheduler/detail/own_stack.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/detail/stack_pool.hpp>
#include <weft/scheduler/detail/trace.hpp>
#include <weft/scheduler/observe/deadlock_watch.hpp>
#include <weft/scheduler/observe/registry.hpp>
#include <weft/scheduler/observe/sigquit.hpp>
#include <weft/scheduler/runtime.hpp>

namespace weft::detail {

struct fiber;
struct task_node;
class seeded_run;
class worker;

driver_factory choose_driver(const std::string& wanted);

// Ends a root function that could not be started: run() throws the error.
void refuse_root(task_node& node, std::exception_ptr error) noexcept;

// A first-in first-out list of Ts linked by T::next, for work that belongs to no worker.
template <class T>
class injection_queue {
 public:
  // `last` is reached from `first` by next.
  void push(T* first, T* last, long count) noexcept {
    last->next = nullptr;
    lock_.lock();
    (head_ != nullptr ? tail_->next : head_) = first;
    tail_ = last;
    size_.store(size_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    lock_.unlock();
  }
  T* pop() noexcept {
    if (empty()) return nullptr;
    lock_.lock();
    T* first = head_;
    if (first != nullptr) {
      head_ = first->next;
      size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    }
    lock_.unlock();
    return first;
  }
  [[nodiscard]] bool empty() const noexcept { return size_.load(std::memory_order_relaxed) == 0; }
  // For those who look on: f(T*) for each, locked.
  template <class F>
  void visit(F f) {
    std::lock_guard guard(lock_);
    for (T* t = head_; t != nullptr; t = t->next) f(t);
  }
  [[nodiscard]] long size() const noexcept { return size_.load(std::memory_order_relaxed); }
  // The one that so many are ahead of; linear in that number. For a queue that only the caller takes from.
  T* take(long ahead) noexcept {
    if (ahead == 0) return pop();
    std::lock_guard guard(lock_);
    T* before = head_;
    while (--ahead > 0) before = before->next;
    T* taken = before->next;
    before->next = taken->next;
    if (taken == tail_) tail_ = before;
    size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    return taken;
  }

 private:
  spin_lock lock_;
  T* head_ = nullptr;
  T* tail_ = nullptr;
  alignas(128) std::atomic<long> size_{0};
};

class runtime_core {
 public:
  // With a seeded run: one worker, which that run directs.
  explicit runtime_core(options o, seeded_run* s = nullptr);
  ~runtime_core();
  runtime_core(const runtime_core&) = delete;
  runtime_core& operator=(const runtime_core&) = delete;

  void run_root(root_call& call);
  [[nodiscard]] runtime_statistics statistics() const;

  // ---- work that belongs to no worker
  injection_queue<fiber> fibers;
  injection_queue<task_node> tasks;
  // From threads that are no workers of this runtime; wakes one if all sleep.
  void inject_from_outside(fiber& f) noexcept;
  // The same for one that is kept on its worker.
  void ready_bound_from_outside(fiber& f) noexcept;
  void inject_from_outside(task_node& task) noexcept;

  // ---- waking sleeping workers
  idle_set idle;
  std::atomic<bool> unwatched{false};  // all have slept for so long that some no longer look around by themselves
  // After work was made visible, on a worker: wakes one sleeper unless somebody is searching already.
  void wake_if_wanted() noexcept;
  // The same after a spawn: no locks are held, and others may go first in a seeded run.
  void wake_for_task() noexcept;

  // ---- pools
  stack_pool stacks;
  detail::own_stacks own_stacks;
  blocking_pool blocking;
  // Hosts without work that no worker keeps.
  fiber* take_pooled_host() noexcept;
  void give_pooled_host(fiber& f) noexcept;
  std::atomic<std::size_t> fibers_created{0};

  // ---- how workers start
  std::vector<unsigned> placement;    // the CPU of each; empty: any
  std::unique_ptr<trace_file> trace;  // nullptr: none

  // ---- cancellation
  std::atomic<std::uint64_t> cancel_epoch{1};
  // The scope of fibers made with Boost's own API, which belong to no group.
  scope_root no_run{this, nullptr};
  scope outermost{no_run, cancel_epoch};

  // Made by the process that this one was forked from.
  [[nodiscard]] bool is_gone() const noexcept { return forks_before_ != forks.load(std::memory_order_relaxed); }
  [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }
  [[nodiscard]] const options& settings() const noexcept { return options_; }
  // All that were started, those that are off duty included: these have no work.
  [[nodiscard]] std::span<const boost::intrusive_ptr<worker>> workers() const noexcept {
    return {workers_.data(), live_.load(std::memory_order_acquire)};
  }

  // ---- being seen (observe/)
  fiber_list known;
  unsigned number = 0;
  runtime_core* next_runtime = nullptr;
  deadlock_watch deadlocks{*this};
  std::optional<sigquit_dump> dumps;
  std::atomic<unsigned> runs_elsewhere{0};  // fibers that wait for another runtime's run()

  seeded_run* const seeded;  // nullptr but in tests (testing.hpp)

  // ---- how many work
  monitor watcher{*this};
  // Of the options, or the CPUs there are now. Those with higher indices are spares.
  [[nodiscard]] unsigned wanted_workers() const noexcept { return wanted_workers_.load(std::memory_order_relaxed); }
  std::atomic<unsigned> resting{0};  // off duty and asleep: those are not in the idle set
  [[nodiscard]] bool all_asleep() const noexcept;
  // The monitor only: a worker more, false if that cannot be had; how many are to work, of those that were started.
  bool start_worker() noexcept;
  void want_workers(unsigned n) noexcept { wanted_workers_.store(n, std::memory_order_relaxed); }

 private:
  friend class worker;
  template <class T>
  void inject(injection_queue<T>& queue, T& work) noexcept;
  void wake_one() noexcept;
  void start_workers();
  void stop_workers() noexcept;
  // A worker's thread asks at its start, with why it cannot work (or nullptr); false if it must end at once.
  bool may_begin(unsigned index, std::exception_ptr error) noexcept;
  // A worker's thread has ended its work; returns when all have, so that nobody uses another's driver any more.
  void await_end_of_all() noexcept;

  const unsigned forks_before_ = forks.load(std::memory_order_relaxed);
  const bool follows_cpus_;  // no number of workers was given
  options options_;
  std::atomic<unsigned> wanted_workers_{options_.workers};
  std::vector<boost::intrusive_ptr<worker>> workers_;  // never moved: others read those that live
  std::atomic<unsigned> live_{0};
  std::vector<std::thread> threads_;
  enum class phase : int { starting, working, given_up };
  std::atomic<phase> phase_{phase::starting};
  std::atomic<unsigned> tried_{0};     // threads that have made their driver, or could not
  std::atomic<unsigned> ended_{0};     // threads that have ended their work
  std::atomic<unsigned> visitors_{0};  // foreign threads that make something ready
  std::atomic<bool> stopping_{false};
  std::exception_ptr failure_;  // why a worker could not start; guarded by hosts_lock_ until it has tried
  mutable spin_lock hosts_lock_;
  fiber* hosts_ = nullptr;  // linked by next
  std::size_t host_count_ = 0;
};

}  // namespace weft::detail
