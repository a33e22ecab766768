// The cancellation tree.
//
// Every group and deadline is a scope; a fiber runs in one at a time. Two ways lead from a cancelled scope to those below:
//   pull: a fiber that checks compares one number with the runtime's cancel epoch; only after some scope was cancelled does it
//         look at its ancestors. Scopes that never wait cost nothing more, so fork-join code pays no list and no lock.
//   push: a fiber that parks is registered with its scope, and the scope with its parents (lazily, at the first park), so that
//         cancelling walks just the part of the tree that waits.
// Locks are taken from parent to child. A scope outlives its children and its members by structure.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/detail/timers.hpp>

namespace weft::detail {

struct fiber;
class runtime_core;
class service_core;

// What all scopes of one run() have in common.
struct scope_root {
  runtime_core* runtime;
  service_core* services;  // nullptr where there is no run(): fibers made with Boost's own API
};

struct detached_t {
  explicit detached_t() = default;
};
inline constexpr detached_t detached{};

class scope {
 public:
  // A root. The epoch is the runtime's count of cancellations.
  scope(const scope_root& root, std::atomic<std::uint64_t>& cancel_epoch) noexcept
      : root_(&root), parent_(nullptr), cancel_epoch_(cancel_epoch) {}

  // A root that stands where a scope below `near` would: cancellations from above do not reach it.
  scope(detached_t, scope& near) noexcept : scope(*near.root_, near.cancel_epoch_) {}

  // A scope below `parent`, which it must be entered from. What the parent knows of those above holds here too, unless it is cancelled: then the first look
  // goes up.
  explicit scope(scope& parent) noexcept : root_(parent.root_), parent_(&parent), cancel_epoch_(parent.cancel_epoch_) {
    const std::uint64_t seen =
        parent.seen_epoch_.load(std::memory_order_acquire);  // before its origin, or both may just have changed
    if (parent.origin_.load(std::memory_order_relaxed) == nullptr) seen_epoch_.store(seen, std::memory_order_relaxed);
  }
  ~scope();
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  // Cancels this scope and all below it; parked fibers wake with wake::cancelled. Any thread. Later calls do nothing.
  // Linear in the number of scopes and fibers that wait below.
  void cancel(cancel_reason reason) noexcept;

  // True once this scope or one above it is cancelled. Any fiber inside; one compare when nothing was cancelled lately.
  [[nodiscard]] bool is_cancelled() noexcept {
    if (seen_epoch_.load(std::memory_order_acquire) == cancel_epoch_.load(std::memory_order_acquire)) [[likely]] {
      return origin_.load(std::memory_order_acquire) != nullptr;
    }
    return refresh();
  }

  // The short half of is_cancelled(): if false, that has to be asked.
  [[nodiscard]] bool is_surely_not_cancelled() const noexcept {
    return seen_epoch_.load(std::memory_order_acquire) == cancel_epoch_.load(std::memory_order_acquire) &&
           origin_.load(std::memory_order_acquire) == nullptr;
  }

  // Why and by which scope. Only after is_cancelled() was true.
  [[nodiscard]] cancelled describe() const;

  // True if the cancellation that holds here comes from this scope itself.
  [[nodiscard]] bool is_origin() const noexcept { return origin_.load(std::memory_order_acquire) == this; }

  // Registers the fiber, so that a cancellation finds it when it parks.
  void add_member(fiber& f) noexcept;
  void remove_member(fiber& f) noexcept;

  void set_label(std::string_view name, std::source_location site) noexcept {
    name_ = name;
    site_ = site;
  }
  [[nodiscard]] std::string label() const;
  [[nodiscard]] const scope_root& root() const noexcept { return *root_; }
  [[nodiscard]] runtime_core* runtime() const noexcept { return root_->runtime; }
  [[nodiscard]] scope* parent() const noexcept { return parent_; }

 private:
  friend struct observer;
  bool refresh() noexcept;
  bool mark(scope* origin, cancel_reason reason) noexcept;
  void link_to_ancestors() noexcept;
  void link_to_parent() noexcept;
  fiber* claim_below() noexcept;
  void claim_members(fiber*& list) noexcept;

  const scope_root* const root_;
  scope* const parent_;
  std::atomic<std::uint64_t>& cancel_epoch_;
  std::atomic<std::uint64_t> seen_epoch_{0};
  std::atomic<scope*> origin_{nullptr};  // set once: the scope whose cancel() reached us
  std::atomic<cancel_reason> reason_{cancel_reason::requested};
  std::atomic<bool> reachable_{false};  // linked, and so are all above: a cancellation from any ancestor finds us
  bool linked_ = false;                 // in the parent's list; guarded by the parent's lock
  spin_lock lock_;                      // guards the two lists
  scope* first_child_ = nullptr;
  scope* previous_ = nullptr;
  scope* next_ = nullptr;
  fiber* first_member_ = nullptr;
  std::string_view name_;
  std::source_location site_;
};

// The scope that the calling fiber is in. Throws std::logic_error outside a fiber; `what` wants one, as in "a deadline".
scope& current_scope(const char* what);
// The calling fiber enters a scope; it leaves it for the one it was in before. Aborts with a message if `s` is not the last entered.
void enter_scope(scope& s) noexcept;
void leave_scope(scope& s, scope& outer) noexcept;

// Cancels a scope when its time has come.
struct scope_timer : timer {
  scope_timer(scope& s, std::chrono::nanoseconds limit);
  ~scope_timer() { timer_heap::cancel(*this); }
  scope_timer(const scope_timer&) = delete;
  scope_timer& operator=(const scope_timer&) = delete;
  scope& target;
};

}  // namespace weft::detail
