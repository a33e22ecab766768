// The deque of unstarted tasks of one worker: its owner pushes and pops at the bottom, thieves take the oldest from the top.
// Algorithm: Chase and Lev (2005) with the memory orders of Le, Pop, Cohen and Zappa Nardelli (2013).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace weft::detail {

struct task_node;

class task_deque {
 public:
  // The capacity to begin with is a power of two.
  explicit task_deque(std::int64_t capacity = 1024) { current_.store(add_array(capacity), std::memory_order_relaxed); }

  [[nodiscard]] bool empty() const noexcept {
    return bottom_.load(std::memory_order_relaxed) <= top_.load(std::memory_order_relaxed);
  }

  // Owner only.
  void push(task_node* task) {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    array* a = current_.load(std::memory_order_relaxed);
    if (bottom - top_seen_ > a->mask) [[unlikely]]
      a = make_room(a, bottom);
    a->at(bottom).store(task, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_release);
  }

  // Owner only: the newest, or nullptr.
  task_node* pop() noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
    if (bottom < top_.load(std::memory_order_relaxed)) return nullptr;  // top only grows
    array* a = current_.load(std::memory_order_relaxed);
    bottom_.exchange(bottom, std::memory_order_seq_cst);  // the store must be seen before top is read
    std::int64_t top = top_.load(std::memory_order_relaxed);
    if (top < bottom) [[likely]]
      return a->at(bottom).load(std::memory_order_relaxed);
    task_node* task = nullptr;
    if (top == bottom &&
        top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
      task = a->at(bottom).load(std::memory_order_relaxed);
    }
    bottom_.store(bottom + 1, std::memory_order_relaxed);
    return task;
  }

  // Owner only: the newest without taking it; a thief may take it at any moment.
  [[nodiscard]] task_node* peek() const noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    if (bottom <= top_.load(std::memory_order_relaxed)) return nullptr;
    return current_.load(std::memory_order_relaxed)->at(bottom - 1).load(std::memory_order_relaxed);
  }

  // Any thread: the oldest, or nullptr when there is none or another was faster.
  task_node* steal() noexcept {
    std::int64_t top = top_.load(std::memory_order_acquire);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (top >= bottom_.load(std::memory_order_acquire)) return nullptr;
    array* a = current_.load(std::memory_order_acquire);
    task_node* task = a->at(top).load(std::memory_order_relaxed);
    const bool won = top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed);
    return won ? task : nullptr;
  }

  // Any thread: calls f(task_node*) for about those that are there. Each may have been taken, and have run, since.
  template <class F>
  void visit(F f) const {
    const std::int64_t top = top_.load(std::memory_order_acquire);
    const std::int64_t bottom = bottom_.load(std::memory_order_acquire);
    const array* a = current_.load(std::memory_order_acquire);
    for (std::int64_t i = std::max(top, bottom - a->mask - 1); i < bottom; ++i)
      f(a->at(i).load(std::memory_order_relaxed));
  }

 private:
  struct array {
    explicit array(std::int64_t size)
        : mask(size - 1), slots(new std::atomic<task_node*>[static_cast<std::size_t>(size)]) {}
    std::atomic<task_node*>& at(std::int64_t index) const noexcept {
      return slots[static_cast<std::size_t>(index & mask)];
    }
    std::int64_t mask;
    std::unique_ptr<std::atomic<task_node*>[]> slots;
  };

  array* add_array(std::int64_t size) { return arrays_.emplace_back(std::make_unique<array>(size)).get(); }

  // The owner's copy of top, which only grows: a look at the thieves' cache line is needed only when the array seems full.
  [[gnu::noinline]] array* make_room(array* a, std::int64_t bottom) {
    top_seen_ = top_.load(std::memory_order_acquire);
    return bottom - top_seen_ > a->mask ? grow(a, top_seen_, bottom) : a;
  }

  // Old arrays stay until the deque goes: a thief may still read one.
  array* grow(array* from, std::int64_t top, std::int64_t bottom) {
    array* to = add_array(2 * (from->mask + 1));
    for (std::int64_t i = top; i < bottom; ++i) {
      to->at(i).store(from->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    current_.store(to, std::memory_order_release);
    return to;
  }

  alignas(128) std::atomic<std::int64_t> top_{0};
  alignas(128) std::atomic<std::int64_t> bottom_{0};
  std::int64_t top_seen_ = 0;  // owner only
  std::atomic<array*> current_{nullptr};
  std::vector<std::unique_ptr<array>> arrays_;
};

}  // namespace weft::detail
