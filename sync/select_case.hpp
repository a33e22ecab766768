// What select() can wait for: the protocol between it and its cases. For those who add a kind of case; users of select() need nothing of it.
//
// A case is made by an operator or function (`receive >> handler`), stands in the full expression that calls select(), derives from
// select_case, and has, besides what it overrides, `run()`: what select() calls, and returns the result of, when the case was chosen.
//
// There are two kinds. A *guarded* case belongs to an object with a spin lock. select() takes the locks of all of them, in the order of
// their addresses, before it enlists the first, and lets go of them when the fiber's stack is out of use; so whoever takes such a
// lock sees none of the cases enlisted, or all of them and the fiber parked. Whoever ends the wait claims its ticket before anything is
// done. An *unguarded* case (guard() is null: a timer, readiness of a descriptor) only ever says that something may have come; it is
// asked again then.
//
// Source of the idea: select in Go's runtime (lock all in order, enlist, wait once, take back); here one ticket arbitrates.
#pragma once

#include <concepts>
#include <cstddef>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft {

enum class case_state : unsigned char {
  not_yet,    // it cannot go at the moment
  committed,  // it has just been done, and is the one
  never,      // it never will be able to go, such as a receive from a channel that is closed and drained
};

class select_case {
 public:
  select_case(const select_case&) = delete;
  select_case& operator=(const select_case&) = delete;

  // The lock under which commit() and enlist() are called; null for an unguarded case. Always the same.
  [[nodiscard]] spin_lock* guard() const noexcept { return guard_; }

  // Does the operation if that can be done at once. No lock is held; a guarded case takes its own, if that seems worth while. Must not park.
  virtual case_state attempt() noexcept = 0;
  // The same with the guard held. Never called on an unguarded case.
  virtual case_state commit() noexcept { return case_state::not_yet; }
  // The fiber is going to wait by this ticket. With all guards held and after commit() was in vain; for an unguarded case without any lock.
  virtual void enlist(const ticket& waiting) noexcept = 0;
  // The wait is over, or was not begun: after this nothing refers to the case any more. True if it was done by whoever ended the
  // wait. No lock is held. A guarded case must take its guard, unless it was itself done: by that select() knows that the guards are free. An
  // unguarded one may park uncancellably.
  virtual bool withdraw() noexcept = 0;
  // When the wait must end for this case's sake.
  [[nodiscard]] virtual parker::time_point limit() const noexcept { return parker::time_point::max(); }

 protected:
  explicit select_case(spin_lock* guard) noexcept : guard_(guard) {}
  ~select_case() = default;

 private:
  spin_lock* guard_;
};

// What may stand in a select().
template <class C>
concept selectable = std::derived_from<C, select_case> && requires(C& c) { c.run(); };

namespace detail {

// Memory that a select needs for each case, on its frame.
struct select_scratch {
  spin_lock* lock;
  std::size_t order;
};

enum class select_order : bool { random, as_written };

inline constexpr std::size_t no_case = static_cast<std::size_t>(-1);

// The index of the case that was committed. select_cases() parks until there is one and throws `cancelled`, or std::logic_error if none
// ever can be; try_select_cases() returns no_case if none can be at once.
std::size_t select_cases(select_case* const* cases, select_scratch* scratch, std::size_t count, select_order order);
std::size_t try_select_cases(select_case* const* cases, select_scratch* scratch, std::size_t count, select_order order);

}  // namespace detail

}  // namespace weft
