// task<T>: the handle of a task that a group runs.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/scheduler/detail/task_node.hpp>

namespace weft {

class group;
namespace detail {
template <class T>
class task_awaiter;
}

// The end of a task, in two roles: a truth value, whether it has come; and one of several things that a fiber waits for, a case of
// weft::select(). Made by task::done(); valid as long as the handle it was asked for.
class task_end {
 public:
  // The end has come. Never parks.
  operator bool() const noexcept { return detail::is_finished(*node_); }

  // For select; the caller holds guard(). expect() is false if the end has come; otherwise the end signals the tickets of those
  // that are enlisted before guard() is free again. A waiter stands on the frame of who waits, until it is withdrawn.
  using waiter = detail::task_waiter;
  [[nodiscard]] spin_lock& guard() const noexcept { return node_->lock; }
  [[nodiscard]] bool expect() const noexcept { return detail::expect_end(*node_); }
  void enlist(waiter& w) const noexcept { detail::add_waiter(*node_, w); }
  void withdraw(const waiter& w) const noexcept { detail::unlink_waiter(*node_, w); }

 private:
  template <class T>
  friend class task;
  explicit task_end(detail::task_node& node) noexcept : node_(&node) {}
  detail::task_node* node_;
};

// Owns the task's result, not the task: that belongs to its group, and dropping the handle neither waits nor cancels. Move-only;
// one fiber uses a handle at a time: to drop it while another waits for the task ends the process with a message. May outlive the group and the runtime once the task is done.
template <class T>
class task {
 public:
  task() = default;
  task(task&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    task(std::move(other)).swap(*this);
    return *this;
  }
  ~task() {
    if (node_ != nullptr) detail::drop_handle(*node_);
  }

  // False for a handle that was moved from, default-made, or whose result was taken.
  [[nodiscard]] bool valid() const noexcept { return node_ != nullptr; }
  // Whether the task is done: true or false, or a case of weft::select(). Never parks.
  [[nodiscard]] task_end done() const { return task_end(node()); }

  // Parks until the task is done. A cancellation point, unless the task is done already.
  void wait() const { detail::await_task(node()); }

  // As wait(), for at most that long; true if the task is done.
  [[nodiscard]] bool wait_for(std::chrono::nanoseconds limit) const {
    return detail::await_task_until(node(), parker::from_now(limit));
  }

  // Waits, then returns the result and leaves the handle empty. Throws what the task threw, or `cancelled` if it was cancelled.
  T get() {
    detail::await_task(node());
    return take();
  }

  // The result if the task is done, else nothing. Never parks. Throws like get().
  auto try_get() {
    if constexpr (std::is_void_v<T>) {
      const bool ready = done();
      if (ready) take();
      return ready;
    } else {
      return done() ? std::optional<T>(take()) : std::nullopt;
    }
  }

  [[nodiscard]] std::string_view name() const {
    const char* given = node().name;
    return given != nullptr ? given : "";
  }

  void swap(task& other) noexcept { std::swap(node_, other.node_); }

 private:
  friend class group;
  friend class service_group;
  friend class detail::task_awaiter<T>;
  explicit task(detail::task_node* node) noexcept : node_(node) {}

  detail::task_node& node() const {
    if (node_ == nullptr)
      throw std::logic_error("weft: this task handle is empty: its result was taken, or it was moved from");
    return *node_;
  }

  T take() {
    task consumed(std::move(*this));
    detail::rethrow_failure(consumed.node());  // empty, if it was moved from while this fiber waited
    if constexpr (!std::is_void_v<T>) return std::move(detail::stored<T>::get(consumed.node_->storage));
  }

  detail::task_node* node_ = nullptr;
};

}  // namespace weft
