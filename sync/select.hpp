// Waiting for several things at once: exactly one of the cases is done.
//
//   weft::select(
//       frames >> [&](frame f) { draw(f); },            // a receiver; the handler may take std::optional<frame>, too
//       answers << std::move(answer) >> [&] { ++sent; },  // a sender; `answer` is moved from only if this case is chosen
//       worker.done() >> [&] { finished = true; },      // a task
//       weft::when(stop) >> [&] { ... },                // an event
//       weft::after(100ms) >> [&] { tick(); });         // a timer
//
// Guarantees: no case commits unless it is the one chosen; the choice among those that can go is fair, by chance (select_in_order: the
// first as written). The handler runs after the wait, on the calling fiber, with nothing held, and select() returns what it returns.
// A closed channel: a handler that takes std::optional<T> (for sends: bool) is told so; any other makes the case drop out,
// and if all have dropped out, select() throws std::logic_error. Cancellation is a case that is always there, and so are deadlines around.
// More kinds of cases: weft/io/ready.hpp; how to add one: weft/sync/select_case.hpp. For cases that come and go there is selector.
//
// Costs, one worker: about 150 ns where four channels are waited for; each case is tried, and locked twice if select() has to wait. No allocation.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weft/scheduler/task.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/select_case.hpp>
#include <weft/sync/semaphore.hpp>

namespace weft {

namespace detail {

// ---- channels

template <class T, class F>
class receive_case final : public select_case {
  static constexpr bool hears_of_end = std::is_invocable_v<F&, std::optional<T>>;
  static_assert(hears_of_end || std::is_invocable_v<F&, T>,
                "the handler of a receive takes a T, or a std::optional<T> to hear of the channel's end");

 public:
  receive_case(channel_core<T>& from, F f) noexcept : select_case(&from.guard()), from_(from), handler_(std::move(f)) {}

  case_state attempt() noexcept override {
    return from_.may_take() ? state_of(from_.try_take(value_)) : case_state::not_yet;
  }
  case_state commit() noexcept override { return state_of(from_.take(value_, woken_)); }
  void enlist(const ticket& waiting) noexcept override {
    node_ = {.waiting = waiting, .place = &value_};
    from_.receivers().append(node_);
  }
  bool withdraw() noexcept override {
    if (node_.outcome == channel_waiter::end::none) from_.withdraw(from_.receivers(), node_);
    return node_.outcome == channel_waiter::end::passed ||
           (hears_of_end && node_.outcome == channel_waiter::end::closed);
  }
  decltype(auto) run() {
    if (woken_) woken_.resume();
    if constexpr (hears_of_end) {
      return std::invoke(handler_, std::move(value_));
    } else {
      return std::invoke(handler_, std::move(*value_));
    }
  }

 private:
  static case_state state_of(detail::attempt a) noexcept {
    if (a == detail::attempt::must_wait) return case_state::not_yet;
    if (a == detail::attempt::closed && !hears_of_end) return case_state::never;
    return case_state::committed;
  }

  channel_core<T>& from_;
  F handler_;
  std::optional<T> value_;
  channel_waiter node_;
  ticket woken_;
};

// `Value` is T for a copy that the case holds, T& for a value that stays with the caller until it is sent.
template <class T, class Value, class F>
class send_case final : public select_case {
  static constexpr bool hears_of_end = std::is_invocable_v<F&, bool>;
  static_assert(std::is_invocable_v<F&, bool> || std::is_invocable_v<F&>,
                "the handler of a send takes nothing, or a bool: false if the channel is closed");

 public:
  send_case(channel_core<T>& to, Value value, F f) noexcept
      : select_case(&to.guard()), to_(to), value_(static_cast<Value&&>(value)), handler_(std::move(f)) {}

  case_state attempt() noexcept override { return to_.may_put() ? state_of(to_.try_put(value_)) : case_state::not_yet; }
  case_state commit() noexcept override { return state_of(to_.put(value_, woken_)); }
  void enlist(const ticket& waiting) noexcept override {
    node_ = {.waiting = waiting, .place = &value_};
    to_.senders().append(node_);
  }
  bool withdraw() noexcept override {
    if (node_.outcome == channel_waiter::end::none) to_.withdraw(to_.senders(), node_);
    sent_ = node_.outcome == channel_waiter::end::passed;
    return sent_ || (hears_of_end && node_.outcome == channel_waiter::end::closed);
  }
  decltype(auto) run() {
    if (woken_) woken_.resume();
    if constexpr (hears_of_end) {
      return std::invoke(handler_, sent_);
    } else {
      return std::invoke(handler_);
    }
  }

 private:
  case_state state_of(detail::attempt a) noexcept {
    if (a == detail::attempt::must_wait) return case_state::not_yet;
    sent_ = a == detail::attempt::done;
    return sent_ || hears_of_end ? case_state::committed : case_state::never;
  }

  channel_core<T>& to_;
  Value value_;
  F handler_;
  bool sent_ = false;
  channel_waiter node_;
  ticket woken_;
};

template <class T, class Value>
struct value_to_send {
  channel_core<T>& to;
  Value value;
};

// ---- things that stay true once they are

template <class F>
class task_case final : public select_case {
 public:
  task_case(task_end end, F f) noexcept : select_case(&end.guard()), end_(end), handler_(std::move(f)) {}
  case_state attempt() noexcept override { return end_ ? case_state::committed : case_state::not_yet; }
  case_state commit() noexcept override { return end_.expect() ? case_state::not_yet : case_state::committed; }
  void enlist(const ticket& waiting) noexcept override {
    waiter_.waiting = waiting;
    end_.enlist(waiter_);
  }
  bool withdraw() noexcept override {
    guard()->lock();
    end_.withdraw(waiter_);
    guard()->unlock();
    return false;
  }
  decltype(auto) run() { return std::invoke(handler_); }

 private:
  task_end end_;
  F handler_;
  task_end::waiter waiter_;
};

template <class F>
class event_case final : public select_case {
 public:
  event_case(event& e, F f) noexcept : select_case(&e.lock_), event_(e), handler_(std::move(f)) {}
  case_state attempt() noexcept override { return event_.is_set() ? case_state::committed : case_state::not_yet; }
  case_state commit() noexcept override { return attempt(); }
  void enlist(const ticket& waiting) noexcept override {
    node_.waiting = waiting;
    event_.waiters_.append(node_);
  }
  bool withdraw() noexcept override {
    guard()->lock();
    if (node_.queued) event_.waiters_.remove(node_);
    guard()->unlock();
    return false;
  }
  decltype(auto) run() { return std::invoke(handler_); }

 private:
  event& event_;
  F handler_;
  wait_queue::node node_;
};

// ---- things that are used up

// A permit of a semaphore, or what an auto-reset event was set for. Whoever releases it to the case has ended the wait by that.
template <class F>
class permit_case final : public select_case {
 public:
  static constexpr bool recurs = true;
  permit_case(semaphore_core& of, F f) noexcept : select_case(&of.guard()), of_(of), handler_(std::move(f)) {}
  case_state attempt() noexcept override { return of_.try_acquire() ? case_state::committed : case_state::not_yet; }
  case_state commit() noexcept override { return of_.take_or_wait() ? case_state::committed : case_state::not_yet; }
  void enlist(const ticket& waiting) noexcept override {
    node_.waiting = waiting;
    node_.woken = false;
    of_.line().append(node_);
  }
  bool withdraw() noexcept override {
    guard()->lock();
    if (node_.queued) of_.line().remove(node_);
    const bool has_permit = node_.woken;
    guard()->unlock();
    return has_permit;
  }
  decltype(auto) run() { return std::invoke(handler_); }

 private:
  semaphore_core& of_;
  F handler_;
  wait_queue::node node_;
};

struct permit_access {
  static semaphore_core& core(auto& of) noexcept { return of.core_; }
};
struct permit_to_wait_for {
  semaphore_core& of;
};

template <class F>
class timer_case final : public select_case {
 public:
  timer_case(parker::time_point when, F f) noexcept : select_case(nullptr), when_(when), handler_(std::move(f)) {}
  case_state attempt() noexcept override {
    return parker::from_now(std::chrono::nanoseconds(0)) >= when_ ? case_state::committed : case_state::not_yet;
  }
  void enlist(const ticket& /*waiting*/) noexcept override {}
  bool withdraw() noexcept override { return false; }
  [[nodiscard]] parker::time_point limit() const noexcept override { return when_; }
  decltype(auto) run() { return std::invoke(handler_); }

 private:
  parker::time_point when_;
  F handler_;
};

struct event_to_wait_for {
  event& what;
};
struct time_to_wait_for {
  parker::time_point when;
};

// ---- the handlers of what the functions below have made; found where those types are

template <class T, class Value, class F>
[[nodiscard]] auto operator>>(value_to_send<T, Value>&& what, F&& handler) {
  return send_case<T, Value, std::decay_t<F>>(what.to, static_cast<Value&&>(what.value), std::forward<F>(handler));
}

template <class F>
[[nodiscard]] auto operator>>(event_to_wait_for e, F&& handler) {
  return event_case<std::decay_t<F>>(e.what, std::forward<F>(handler));
}

template <class F>
[[nodiscard]] auto operator>>(permit_to_wait_for p, F&& handler) {
  return permit_case<std::decay_t<F>>(p.of, std::forward<F>(handler));
}

template <class F>
[[nodiscard]] auto operator>>(time_to_wait_for t, F&& handler) {
  return timer_case<std::decay_t<F>>(t.when, std::forward<F>(handler));
}

// ---- the call

template <class C>
using result_of = decltype(std::declval<C&>().run());

template <class... C>
using common_result = typename std::conditional_t<(std::is_void_v<result_of<C>> && ...), std::type_identity<void>,
                                                  std::common_type<result_of<C>...>>::type;

template <class R, class First, class... Rest>
R run_case(std::size_t index, First& first, Rest&... rest) {
  if constexpr (sizeof...(Rest) > 0) {
    if (index > 0) return run_case<R>(index - 1, rest...);
  }
  return first.run();
}

template <class... C>
std::size_t choose(select_order order, bool may_park, C&... cases) {
  static_assert(sizeof...(C) > 0, "a select needs a case");
  select_case* const all[] = {&cases...};
  std::array<select_scratch, sizeof...(C)> scratch;
  return may_park ? select_cases(all, scratch.data(), sizeof...(C), order)
                  : try_select_cases(all, scratch.data(), sizeof...(C), order);
}

}  // namespace detail

// ---------------------------------------------------------------------------------------------------- cases

// Receives; see the top for what the handler takes.
template <class T, class F>
[[nodiscard]] auto operator>>(const receiver<T>& from, F&& handler) {
  return detail::receive_case<T, std::decay_t<F>>(detail::channel_access<T>::core(from), std::forward<F>(handler));
}

// Sends. An rvalue stays where it is and is moved from if the case is chosen; an lvalue is copied when the case is made.
template <class T>
[[nodiscard]] detail::value_to_send<T, T&> operator<<(const sender<T>& to, std::type_identity_t<T>&& value) {
  return {detail::channel_access<T>::core(to), value};
}
template <class T>
[[nodiscard]] detail::value_to_send<T, T> operator<<(const sender<T>& to, const std::type_identity_t<T>& value) {
  return {detail::channel_access<T>::core(to), value};
}

// task.done() >> handler: the task is done; its result is the handler's to get.
template <class F>
[[nodiscard]] auto operator>>(task_end end, F&& handler) {
  return detail::task_case<std::decay_t<F>>(end, std::forward<F>(handler));
}

// when(event) >> handler: the event is set.
[[nodiscard]] inline detail::event_to_wait_for when(event& e) noexcept { return {e}; }

// acquire(semaphore) >> handler: the handler runs with a permit, which is its to release.
template <std::ptrdiff_t least_max>
[[nodiscard]] detail::permit_to_wait_for acquire(counting_semaphore<least_max>& s) noexcept {
  return {detail::permit_access::core(s)};
}
// when(auto_reset_event) >> handler: it was set, and that is taken away.
[[nodiscard]] inline detail::permit_to_wait_for when(auto_reset_event& e) noexcept {
  return {detail::permit_access::core(e)};
}

// after(100ms) >> handler, at(time) >> handler: the time has come. after() counts from its own call.
[[nodiscard]] inline detail::time_to_wait_for at(std::chrono::steady_clock::time_point when) noexcept { return {when}; }
[[nodiscard]] inline detail::time_to_wait_for after(std::chrono::nanoseconds duration) noexcept {
  return {parker::from_now(duration)};
}

// ---------------------------------------------------------------------------------------------------- the choice

// Parks until one of the cases can go, does it, and returns what its handler returns (the common type of all). A cancellation
// point; throws `cancelled`, std::logic_error if no case can ever go, and what the handler throws.
template <selectable... C>
detail::common_result<C...> select(C&&... cases) {
  return detail::run_case<detail::common_result<C...>>(detail::choose(detail::select_order::random, true, cases...),
                                                       cases...);
}

// As select(), but of several that can go the first is chosen.
template <selectable... C>
detail::common_result<C...> select_in_order(C&&... cases) {
  return detail::run_case<detail::common_result<C...>>(detail::choose(detail::select_order::as_written, true, cases...),
                                                       cases...);
}

// As select(), but never parks: empty (false, where the handlers return nothing) if no case can go at once.
template <selectable... C>
auto try_select(C&&... cases) {
  using result = detail::common_result<C...>;
  const std::size_t chosen = detail::choose(detail::select_order::random, false, cases...);
  if constexpr (std::is_void_v<result>) {
    if (chosen == detail::no_case) return false;
    detail::run_case<result>(chosen, cases...);
    return true;
  } else {
    if (chosen == detail::no_case) return std::optional<result>();
    return std::optional<result>(detail::run_case<result>(chosen, cases...));
  }
}

}  // namespace weft
