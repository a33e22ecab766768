// The cases of a selector: how it does the operation of each, or has it watched until that is worth a try.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <weft/sync/channel.hpp>
#include <weft/sync/select_case.hpp>

namespace weft::detail {

// What its cases know of a selector.
class case_owner : public standing_waiter {
 public:
  // As ticket::signal(), for the case.
  virtual bool signal(class selector_case& c) noexcept = 0;

 protected:
  ~case_owner() = default;
};

// A case of a selector: watched, or in the selector's list of those worth a try.
class selector_case : public channel_waiter {
 public:
  selector_case(const selector_case&) = delete;
  selector_case& operator=(const selector_case&) = delete;
  virtual ~selector_case() = default;

  // Does the operation, or has it watched. True if it was done, or never can be.
  virtual bool try_or_watch() noexcept = 0;
  // Whoever ended the selector's wait did so by this case: true if that has done the operation, too.
  virtual bool done_by_waker() noexcept { return true; }
  // Nothing outside refers to it after this. Does nothing if it is not watched.
  virtual void stop_watching() noexcept = 0;
  // Calls the handler for what was done; false if the case is over with that.
  virtual bool run() = 0;
  // When it is worth a try, if that is a matter of time alone.
  [[nodiscard]] virtual parker::time_point due() const noexcept { return parker::time_point::max(); }

  std::uint64_t id = 0;
  selector_case* previous_ready = nullptr;
  selector_case* next_ready = nullptr;
  bool listed = false;

 protected:
  explicit selector_case(case_owner& owner) noexcept { standing = &owner; }
};

// ---- channels: the case stands in the channel's line, where the operation is done for it

template <class T, class F>
class selector_receive final : public selector_case {
  static constexpr bool hears_of_end = std::is_invocable_v<F&, std::optional<T>>;
  static_assert(hears_of_end || std::is_invocable_v<F&, T>,
                "the handler of a receive takes a T, or a std::optional<T> to hear of the channel's end");

 public:
  selector_receive(case_owner& owner, receiver<T> from, F f)
      : selector_case(owner), from_(std::move(from)), handler_(std::move(f)) {
    place = &value_;
  }

  bool try_or_watch() noexcept override {
    outcome = end::none;
    channel_core<T>& channel = channel_access<T>::core(from_);
    ticket woken;
    channel.guard().lock();
    const attempt a = channel.take(value_, woken);
    if (a == attempt::must_wait) channel.receivers().append(*this);
    channel.guard().unlock();
    if (woken) woken.resume();
    return a != attempt::must_wait;
  }
  void stop_watching() noexcept override {
    channel_core<T>& channel = channel_access<T>::core(from_);
    channel.withdraw(channel.receivers(), *this);
  }
  bool run() override {
    std::optional<T> value = std::exchange(value_, std::nullopt);
    const bool goes_on = value.has_value();
    if constexpr (hears_of_end) {
      std::invoke(handler_, std::move(value));
    } else if (goes_on) {
      std::invoke(handler_, std::move(*value));
    }
    return goes_on;
  }

 private:
  receiver<T> from_;
  F handler_;
  std::optional<T> value_;
};

template <class T, class F>
class selector_send final : public selector_case {
 public:
  selector_send(case_owner& owner, sender<T> to, T value, F f)
      : selector_case(owner), to_(std::move(to)), value_(std::move(value)), handler_(std::move(f)) {
    place = &value_;
  }

  bool try_or_watch() noexcept override {
    outcome = end::none;
    channel_core<T>& channel = channel_access<T>::core(to_);
    ticket woken;
    channel.guard().lock();
    const attempt a = channel.put(value_, woken);
    if (a == attempt::must_wait) channel.senders().append(*this);
    channel.guard().unlock();
    if (woken) woken.resume();
    if (a == attempt::done) outcome = end::passed;
    return a != attempt::must_wait;
  }
  void stop_watching() noexcept override {
    channel_core<T>& channel = channel_access<T>::core(to_);
    channel.withdraw(channel.senders(), *this);
  }
  bool run() override {
    std::invoke(handler_, outcome == end::passed);
    return false;
  }

 private:
  sender<T> to_;
  T value_;
  F handler_;
};

// ---- whatever else select() takes: the case of select() itself, enlisted by a ticket that names this one

template <class What, class F>
using case_of = decltype(std::declval<What>() >> std::declval<F>());

// Whether the case can go again and again, as select() would in a loop: what it takes is used up by that.
template <class C>
inline constexpr bool recurs = requires { requires C::recurs; };

template <class What, class F>
class selector_other final : public selector_case, private standing_wait {
  using case_type = case_of<What, F>;

 public:
  selector_other(case_owner& owner, What what, F f)
      : selector_case(owner), owner_(owner), case_(std::move(what) >> std::move(f)) {}

  bool try_or_watch() noexcept override {
    if (due() != parker::time_point::max()) return true;
    if (stop_if_done()) return true;
    if (spin_lock* guard = case_.guard()) {
      const std::lock_guard locked(*guard);
      return !watch_unless(case_.commit());
    }
    // Unguarded: one that is ready meanwhile says so.
    return !watch_unless(case_.attempt());
  }
  bool done_by_waker() noexcept override { return try_or_watch(); }
  void stop_watching() noexcept override { stop_if_done(); }
  bool run() override {
    case_.run();
    return recurs<case_type>;
  }
  [[nodiscard]] parker::time_point due() const noexcept override { return case_.limit(); }

 private:
  bool signal() noexcept override { return owner_.signal(*this); }
  bool watch_unless(case_state state) noexcept {
    watched_ = state == case_state::not_yet;
    if (watched_) case_.enlist(ticket(static_cast<standing_wait&>(*this)));
    return watched_;
  }
  bool stop_if_done() noexcept { return std::exchange(watched_, false) && case_.withdraw(); }

  case_owner& owner_;
  case_type case_;
  bool watched_ = false;
};

}  // namespace weft::detail
