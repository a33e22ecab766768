// What the workers of one runtime share.
#pragma once

#include <atomic>
#include <barrier>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <weft/scheduler/detail/blocking_pool.hpp>
#include <weft/scheduler/detail/idle_set.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/detail/stack_pool.hpp>
#include <weft/scheduler/runtime.hpp>

namespace weft::detail {

struct fiber;
struct task_node;
class worker;

driver_factory default_driver_factory();

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

 private:
  spin_lock lock_;
  T* head_ = nullptr;
  T* tail_ = nullptr;
  alignas(128) std::atomic<long> size_{0};
};

class runtime_core {
 public:
  explicit runtime_core(options o);
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
  void inject_from_outside(task_node& task) noexcept;

  // ---- waking sleeping workers
  idle_set idle;
  std::atomic<bool> unwatched{false};  // all have slept for so long that some no longer look around by themselves
  // After work was made visible, on a worker: wakes one sleeper unless somebody is searching already.
  void wake_if_wanted() noexcept;

  // ---- pools
  stack_pool stacks;
  blocking_pool blocking;
  // Hosts without work that no worker keeps.
  fiber* take_pooled_host() noexcept;
  void give_pooled_host(fiber& f) noexcept;
  std::atomic<std::size_t> fibers_created{0};

  // ---- cancellation
  std::atomic<std::uint64_t> cancel_epoch{1};
  // The scope of fibers made with Boost's own API, which belong to no group.
  scope outermost{*this, cancel_epoch};

  [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }
  [[nodiscard]] const options& settings() const noexcept { return options_; }
  [[nodiscard]] const std::vector<boost::intrusive_ptr<worker>>& workers() const noexcept { return workers_; }

 private:
  friend class worker;
  template <class T>
  void inject(injection_queue<T>& queue, T& work) noexcept;
  void wake_one() noexcept;
  void worker_failed(std::exception_ptr error) noexcept;
  [[nodiscard]] bool failed() const noexcept { return failure_ != nullptr; }
  void start_workers();
  void stop_workers() noexcept;

  options options_;
  std::vector<boost::intrusive_ptr<worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<std::barrier<>>
      phase_;                          // workers and starter: started; workers: no one uses another's driver any more
  std::atomic<unsigned> visitors_{0};  // foreign threads that are inside inject()
  std::atomic<bool> stopping_{false};
  std::exception_ptr failure_;  // why a worker could not start; written before, read after the first phase
  spin_lock hosts_lock_;
  fiber* hosts_ = nullptr;  // linked by next
};

}  // namespace weft::detail
