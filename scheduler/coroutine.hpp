// Fibers and C++20 coroutines: a fiber can wait for any awaitable, a coroutine for any task. Include it where it is needed;
// <weft/weft.hpp> does not.
//
//   int n = weft::await(client.read(buffer));          // on a fiber; client is some coroutine library's
//
//   lazy<int> sum(weft::task<int> a, weft::task<int> b) {
//     co_return co_await a + co_await b;               // in a coroutine
//   }
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <mutex>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/outside_wait.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/scheduler/task.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft {

// ---------------------------------------------------------------------------------------- a fiber waits for an awaitable

namespace detail {

template <class A>
concept awaiter = requires(A& a, std::coroutine_handle<> h) {
  static_cast<bool>(a.await_ready());
  a.await_suspend(h);
  a.await_resume();
};

template <class A>
concept has_member_co_await = requires(A&& a) { std::forward<A>(a).operator co_await(); };
template <class A>
concept has_free_co_await = requires(A&& a) { operator co_await(std::forward<A>(a)); };

template <class A>
decltype(auto) awaiter_of(A&& a) {
  if constexpr (has_member_co_await<A>) {
    return std::forward<A>(a).operator co_await();
  } else if constexpr (has_free_co_await<A>) {
    return operator co_await(std::forward<A>(a));
  } else {
    return static_cast<A&&>(a);
  }
}

// What `co_await a` gives; an rvalue reference becomes a value, since what it refers to may be gone when await() returns.
template <class T>
struct await_value {
  using type = T;
};
template <class T>
struct await_value<T&&> {
  using type = T;
};
template <class A>
using await_result = typename await_value<decltype(awaiter_of(std::declval<A>()).await_resume())>::type;

inline constexpr wait_kind waits_for_coroutine{"coroutine"};

// Where a fiber waits until a coroutine has come to its end, on whatever thread that is.
class coroutine_end {
 public:
  void reach() noexcept {
    ticket waiter;
    {
      const std::lock_guard guard(lock_);
      reached_ = true;
      waiter = waiter_;
    }
    waiter.signal();
  }
  void wait() {
    parker self(waits_for_coroutine, this, parker::cancellation::ignored);
    lock_.lock();
    if (reached_) return lock_.unlock();
    waiter_ = self.id();
    self.park([this] { lock_.unlock(); });
  }

 private:
  spin_lock lock_;
  bool reached_ = false;
  ticket waiter_;
};

template <class R>
struct await_promise_result {
  std::optional<R> value;
  template <class V>
  void return_value(V&& v) {
    value.emplace(std::forward<V>(v));
  }
  R take() { return std::move(*value); }
};
template <class R>
struct await_promise_result<R&> {
  R* value = nullptr;
  void return_value(R& v) noexcept { value = &v; }
  R& take() noexcept { return *value; }
};
template <>
struct await_promise_result<void> {
  void return_void() noexcept {}
  void take() noexcept {}
};

// The coroutine that awaits on a fiber's behalf. The fiber resumes it, waits for its end, and destroys it.
template <class R>
class fiber_await {
 public:
  struct promise_type : await_promise_result<R> {
    coroutine_end end;
    std::exception_ptr error;

    fiber_await get_return_object() { return fiber_await(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
    struct tell_end {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> h) noexcept { h.promise().end.reach(); }
      void await_resume() noexcept {}
    };
    tell_end final_suspend() noexcept { return {}; }
  };

  fiber_await(const fiber_await&) = delete;
  fiber_await& operator=(const fiber_await&) = delete;
  ~fiber_await() { handle_.destroy(); }

  R run() {
    promise_type& promise = handle_.promise();
    handle_.resume();
    const outside_wait outside;
    promise.end.wait();
    if (promise.error != nullptr) std::rethrow_exception(std::move(promise.error));
    return promise.take();
  }

 private:
  explicit fiber_await(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
  std::coroutine_handle<promise_type> handle_;
};

template <class R, class A>
fiber_await<R> await_for_fiber(A&& a) {
  co_return co_await std::forward<A>(a);
}

void check_await();

}  // namespace detail

// What `co_await` takes, outside a coroutine that changes it by await_transform.
template <class A>
concept awaitable = requires(A&& a) {
  { detail::awaiter_of(std::forward<A>(a)) } -> detail::awaiter;
};

// Blocks the calling fiber, not its thread, until the awaitable is done. Returns what `co_await` would, and throws what it would; where that
// is an rvalue reference, the value is moved out. The awaitable starts on the calling fiber and may complete there, on a worker or
// on any other thread: the fiber goes on on a worker of its own runtime.
// A cancellation point on entry only: an awaitable cannot be taken back once it has begun, so its end is awaited. To cut it short, use
// the means of the library that it comes from. Costs an allocation for a coroutine of about 200 bytes. Throws std::logic_error
// outside a fiber.
template <awaitable A>
detail::await_result<A> await(A&& a) {
  detail::check_await();
  return detail::await_for_fiber<detail::await_result<A>>(std::forward<A>(a)).run();
}

inline void detail::check_await() {
  if (!in_fiber()) {
    throw std::logic_error("weft: await() parks the calling fiber, and there is none: call it inside weft::run");
  }
  check_cancelled();
}

// ---------------------------------------------------------------------------------------- a coroutine waits for a task

namespace detail {

// A task of its own that resumes a coroutine; also where its group is cancelled and other tasks are dropped, since a coroutine that is never
// resumed is never destroyed either.
inline void resume_coroutine(task_node& node, task_node::action action) {
  if (action == task_node::action::drop_result) return;
  const auto coroutine = std::coroutine_handle<>::from_address(*reinterpret_cast<void**>(node.storage));
  try {
    coroutine.resume();
    node.outcome = task_node::result::plain_value;
  } catch (...) {
    if (action == task_node::action::run) return note_exception(node);
    node.group->child_failed({std::current_exception(), node.name, node.site});
  }
}

inline task_node* make_resumption(std::coroutine_handle<> h) {
  task_node* node = allocate_task();
  node->perform = &resume_coroutine;
  node->name = "coroutine";
  node->site = std::source_location();
  node->stack_order = 0;
  *reinterpret_cast<void**>(node->storage) = h.address();
  return node;
}

template <class T>
class task_awaiter {
 public:
  explicit task_awaiter(task<T>& t) : task_(t) {}
  // A coroutine destroyed while it waits is forgotten by the task.
  ~task_awaiter() {
    if (waiter_.continuation != nullptr) forget_continuation(task_.node(), waiter_);
  }
  task_awaiter(const task_awaiter&) = delete;
  task_awaiter& operator=(const task_awaiter&) = delete;

  [[nodiscard]] bool await_ready() const { return task_.done(); }
  // Once the task knows of it, the coroutine may be running already.
  bool await_suspend(std::coroutine_handle<> h) {
    waiter_.continuation = make_resumption(h);
    if (continue_with(task_.node(), waiter_)) return true;
    free_task(std::exchange(waiter_.continuation, nullptr));
    return false;
  }
  T await_resume() { return task_.get(); }

 private:
  task<T>& task_;
  task_waiter waiter_;
};

}  // namespace detail

// `co_await task` in a coroutine: takes the result like task::get(), and throws what that throws: the task's error, or `cancelled` if the
// task was cancelled. A task that is done does not suspend the coroutine. Else the coroutine goes on as a task of the awaited task's group,
// on a fiber of that runtime: it may park, its group's end waits until it suspends elsewhere or ends, and in a cancelled group its blocking
// calls throw `cancelled`; bindings of weft::local are not seen. The coroutine may have been started on any thread. It must not be
// destroyed by another thread at the moment when the task ends; before that, it may.
template <class T>
[[nodiscard]] detail::task_awaiter<T> operator co_await(task<T>& t) {
  return detail::task_awaiter<T>(t);
}
template <class T>
[[nodiscard]] detail::task_awaiter<T> operator co_await(task<T>&& t) {
  return detail::task_awaiter<T>(t);
}

}  // namespace weft
