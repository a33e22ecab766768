// Groups: every task belongs to one, and a group's scope does not end before its tasks have.
//
//   weft::group g;
//   weft::task<int> a = g.spawn([] { return f(); });
//   g.spawn([&] { h(); });                       // the handle may be dropped
//   use(a.get());                                // parks until a is done; rethrows what it threw
//   g.join();                                    // or the end of the scope: waits for all
//
// When a task fails, its siblings and the body (the code between the group's construction and its end) are cancelled: their blocking
// calls throw `cancelled`. When all have ended, the group throws group_error with every failure. A group left by an exception
// cancels its tasks and waits for them; failures of theirs are not lost, they become part of what the enclosing task fails with.
//
// A group is a local variable: made, joined and destroyed on one fiber, groups in reverse order. Its tasks may spawn into it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/task.hpp>

namespace weft {

// A group made with this keeps going when a task fails: siblings are not cancelled, the failures come at the end.
struct supervise_t {
  explicit supervise_t() = default;
};
inline constexpr supervise_t supervise{};

struct spawn_options {
  const char* name = nullptr;  // for messages; must outlive the task (a literal)
  // A stack of this size for the task alone: a power of two from 64 KiB to 1 GiB, committed as it is touched. 0: that of the fiber that runs
  // it, of which at least half is free. If there is none to be had, the task fails with std::system_error.
  std::size_t stack_size = 0;
};

class group {
 public:
  // The name is for messages and must outlive the group. Throws std::logic_error outside a fiber.
  explicit group(std::string_view name = {}, std::source_location site = std::source_location::current())
      : core_(name, false, site) {}
  explicit group(supervise_t, std::string_view name = {}, std::source_location site = std::source_location::current())
      : core_(name, true, site) {}

  // Waits for the tasks. Throws group_error if some failed, `cancelled` if some were cut short because the scope around the group is
  // cancelled; neither while an exception is passing already.
  ~group() noexcept(false) { core_.close(); }
  group(const group&) = delete;
  group& operator=(const group&) = delete;

  // Makes f() a task of this group. Never parks; costs about 10 ns. f may be move-only; it is destroyed when it has run. Once the
  // group is cancelled, tasks that have not begun never will. Throws std::bad_alloc, std::invalid_argument for a
  // stack size that cannot be, or what moving f throws.
  template <std::invocable F>
  task<std::invoke_result_t<std::decay_t<F>&&>> spawn(F&& f, spawn_options o = {},
                                                      std::source_location site = std::source_location::current()) {
    detail::task_node* node = make_node(std::forward<F>(f), o, site);
    core_.submit(*node);
    return task<std::invoke_result_t<std::decay_t<F>&&>>(node);
  }

  // As spawn(), for a helper that need not end by itself: when the other tasks are done, it is cancelled and waited for. Its failure
  // counts like any other. What it spawns into this group are daemons too. Only on the fiber that made the group.
  template <std::invocable F>
  task<std::invoke_result_t<std::decay_t<F>&&>> spawn_daemon(
      F&& f, spawn_options o = {}, std::source_location site = std::source_location::current()) {
    detail::task_node* node = make_node(std::forward<F>(f), o, site);
    core_.submit_daemon(*node);
    return task<std::invoke_result_t<std::decay_t<F>&&>>(node);
  }

  // Waits until every task has ended; parks. Throws group_error if some failed, `cancelled` if the scope around the group is
  // cancelled. Waits for all of them in any case. The group may then be used again, unless it was cancelled.
  void join() { core_.join(); }

  // Cancels the tasks and the body. Any thread, as long as the group exists. Does not wait.
  void cancel() noexcept { core_.scope().cancel(cancel_reason::requested); }

  // True once this group or one around it is cancelled.
  [[nodiscard]] bool is_cancelled() noexcept { return core_.scope().is_cancelled(); }

 private:
  friend class service_group;
  template <class F>
  static detail::task_node* make_node(F&& f, spawn_options o, std::source_location site) {
    using closure = std::decay_t<F>;
    using result = std::invoke_result_t<closure&&>;
    static_assert(!std::is_reference_v<result>,
                  "a task's result is a value: return a pointer or a std::reference_wrapper");
    const std::uint8_t stack_order = o.stack_size != 0 ? detail::stack_order_of(o.stack_size) : std::uint8_t{0};
    detail::task_node* node = detail::allocate_task();
    if constexpr (detail::fits_in_node<closure> && std::is_nothrow_constructible_v<closure, F&&>) {
      detail::stored<closure>::construct(node->storage, std::forward<F>(f));
    } else {
      try {
        detail::stored<closure>::construct(node->storage, std::forward<F>(f));
      } catch (...) {
        detail::free_task(node);
        throw;
      }
    }
    node->perform = &detail::perform_closure<closure, result>;
    if (o.stack_size != 0) {
      node->perform = &detail::perform_closure_on_own_stack<closure, result>;
      node->stack_order = stack_order;
    }
    node->name = o.name;
    node->site = site;
    return node;
  }

  detail::group_core core_;
};

}  // namespace weft
