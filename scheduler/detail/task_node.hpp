// A task before, while and after it runs: a closure, then its result, in one node of two cache lines.
//
// A node belongs to two: the run and the handle (task<T>). Whichever ends last frees it. Nodes come from a process-wide pool
// with a cache in each worker, so a handle may outlive the runtime that ran the task.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/scheduler/detail/context_value.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::detail {

class group_core;

inline constexpr wait_kind task_wait{"task"};

struct task_node;

// A fiber that waits for a task, on that fiber's stack; or a coroutine that does, in its frame.
struct task_waiter {
  ticket waiting;
  task_waiter* next = nullptr;
  task_node* continuation = nullptr;  // spawned into the task's group when the task is over
};

struct alignas(64) task_node {
  enum class action : std::uint8_t { run, drop_closure, drop_result };

  // Bits of `state`.
  static constexpr std::uint32_t finished = 1;  // the run is over; the outcome is valid
  static constexpr std::uint32_t dropped = 2;   // the handle is gone
  static constexpr std::uint32_t awaited = 4;   // someone has queued on `waiters`

  enum class result : std::uint8_t {
    none,         // nothing is stored: not over, or taken
    value,        // a result is stored
    plain_value,  // the same, but nothing needs destroying: void, or trivial
    error,        // an exception_ptr is stored: what the task threw
    cancelled,    // an exception_ptr is stored, of `cancelled`: the task was ended, or never began
  };

  static constexpr std::size_t storage_size = 64;

  void (*perform)(task_node&, action) = nullptr;
  group_core* group = nullptr;
  task_node* next = nullptr;  // free list
  std::atomic<std::uint32_t> state{0};
  spin_lock lock;                 // guards waiters
  result outcome = result::none;  // published by `finished`
  std::uint8_t stack_order = 0;   // where perform is perform_closure_on_own_stack: of 2^stack_order bytes
  task_waiter* waiters = nullptr;
  const char* name = nullptr;
  context_value* context_values = nullptr;  // the spawner's; a reference is held until the run ends
  std::source_location site;
  alignas(8) std::byte storage[storage_size];
};
static_assert(sizeof(task_node) == 128);

template <class T>
inline constexpr bool fits_in_node =
    sizeof(T) <= task_node::storage_size && alignof(T) <= 8 && std::is_nothrow_move_constructible_v<T>;

// Stores a T in the node when it fits, else a pointer to one.
template <class T>
struct stored {
  template <class... A>
  static void construct(void* at, A&&... arguments) {
    if constexpr (fits_in_node<T>) {
      ::new (at) T(std::forward<A>(arguments)...);
    } else {
      ::new (at) T*(new T(std::forward<A>(arguments)...));
    }
  }
  static T& get(void* at) noexcept {
    if constexpr (fits_in_node<T>) {
      return *std::launder(static_cast<T*>(at));
    } else {
      return **std::launder(static_cast<T**>(at));
    }
  }
  static void destroy(void* at) noexcept {
    if constexpr (fits_in_node<T>) {
      get(at).~T();
    } else {
      delete &get(at);
    }
  }
};

// A result whose end needs no code.
template <class R>
inline constexpr bool is_plain = fits_in_node<R> && std::is_trivially_destructible_v<R>;
template <>
inline constexpr bool is_plain<void> = true;

// The exception a failed task ended by lives where its result would.
using stored_error = stored<std::exception_ptr>;

// Called in a handler: records the exception in flight as the task's outcome.
void note_exception(task_node& node) noexcept;

template <class F, class R>
void perform_closure(task_node& node, task_node::action action) {
  using closure = stored<F>;
  switch (action) {
    case task_node::action::drop_closure:
      closure::destroy(node.storage);
      return;
    case task_node::action::drop_result:
      if constexpr (!std::is_void_v<R>) stored<R>::destroy(node.storage);
      return;
    case task_node::action::run:
      break;
  }
  try {
    if constexpr (std::is_void_v<R>) {
      struct destroy_on_exit {
        void* at;
        ~destroy_on_exit() { closure::destroy(at); }
      } guard{node.storage};
      std::move(closure::get(node.storage))();
    } else if constexpr (fits_in_node<F>) {
      // The result takes the closure's place, so the closure moves out first.
      F f(std::move(closure::get(node.storage)));
      closure::destroy(node.storage);
      stored<R>::construct(node.storage, std::move(f)());
    } else {
      std::unique_ptr<F> f(&closure::get(node.storage));
      stored<R>::construct(node.storage, std::move(*f)());
    }
    node.outcome = is_plain<R> ? task_node::result::plain_value : task_node::result::value;
  } catch (...) {
    note_exception(node);
  }
}

// The exponent of a stack size that a task asks for. Throws std::invalid_argument.
[[nodiscard]] std::uint8_t stack_order_of(std::size_t stack_size);

// Runs the task on a stack of its own; it fails if there is none.
using perform_function = void (*)(task_node&, task_node::action);
void perform_on_own_stack(task_node& task, perform_function perform) noexcept;

template <class F, class R>
void perform_closure_on_own_stack(task_node& node, task_node::action action) {
  if (action != task_node::action::run) return perform_closure<F, R>(node, action);
  perform_on_own_stack(node, &perform_closure<F, R>);
}

// A node ready to be filled; from the calling worker's cache. Throws std::bad_alloc.
task_node* allocate_task();
void free_task(task_node* node) noexcept;
// Around fork(): nobody else is in what all workers share of the nodes' memory.
void lock_task_pool() noexcept;
void unlock_task_pool() noexcept;

// The handle's side: drops it, and with it the result if the run is over.
void drop_handle(task_node& node) noexcept;

[[nodiscard]] inline bool is_finished(const task_node& node) noexcept {
  return (node.state.load(std::memory_order_acquire) & task_node::finished) != 0;
}

// Parks until the run is over, or runs it here when it is the newest unstarted task of this worker. Throws `cancelled`.
void await_task(task_node& node);
bool await_task_until(task_node& node, std::chrono::steady_clock::time_point limit);

// For who waits for several things at once; called with the node's lock held. expect_end() is false if the run is over; otherwise the
// end will look at the waiters that have been added by the time the lock is free. One may be taken back at any time.
[[nodiscard]] bool expect_end(task_node& node) noexcept;
void add_waiter(task_node& node, task_waiter& waiter) noexcept;
void unlink_waiter(task_node& node, const task_waiter& waiter) noexcept;

// Queues a task that is to be spawned into this one's group when this one is over; false if it is over.
bool continue_with(task_node& node, task_waiter& waiter) noexcept;
// Takes it back, unless the task has ended meanwhile.
void forget_continuation(task_node& node, task_waiter& waiter) noexcept;

// After the run: throws what the task threw, `cancelled` for one that was cancelled; returns if it has a value.
void rethrow_failure(task_node& node);

}  // namespace weft::detail
