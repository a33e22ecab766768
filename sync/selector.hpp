// A select() whose cases come and go: thousands of channels watched by one fiber.
//
//   weft::selector s;
//   s.add(requests, [&](request r) { ... });                  // stays until it is removed or its channel has ended
//   auto id = s.add(commands, [&](std::optional<command> c) { if (!c) finish(); });
//   while (s.wait()) {}                                       // one case each time
//   s.remove(id);
//
// Guarantees: those of select(): a value is taken only for the handler that gets it, which runs on the fiber that waits. Cases that are
// ready are served in turn, so none starves. A case stands in its channel's line of waiting fibers; while the selector is busy with a handler,
// others in the line are served before it.
//
// Costs: each wait() is O(1), whatever the number of cases; adding and removing are O(1), and one allocation of about 200 bytes a case.
// Source of the idea: the ready list of Linux's epoll; but an event here is the operation itself, already done.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/channel.hpp>

namespace weft {

class selector;

namespace detail {

// A case of a selector: in its channel's line, or in the selector's list of those worth a try.
class selector_case : public channel_waiter {
 public:
  selector_case(const selector_case&) = delete;
  selector_case& operator=(const selector_case&) = delete;
  virtual ~selector_case() = default;

  // Does the operation, or gets into the channel's line. True if it was done, or never can be.
  virtual bool try_or_enlist() noexcept = 0;
  virtual void leave_line() noexcept = 0;
  // Calls the handler for what was done; false if the case is over with that.
  virtual bool run() = 0;

  std::uint64_t id = 0;
  selector_case* previous_ready = nullptr;
  selector_case* next_ready = nullptr;
  bool listed = false;

 protected:
  explicit selector_case(standing_wait& owner) noexcept { standing = &owner; }
};

template <class T, class F>
class selector_receive final : public selector_case {
  static constexpr bool hears_of_end = std::is_invocable_v<F&, std::optional<T>>;
  static_assert(hears_of_end || std::is_invocable_v<F&, T>,
                "the handler of a receive takes a T, or a std::optional<T> to hear of the channel's end");

 public:
  selector_receive(standing_wait& owner, receiver<T> from, F f)
      : selector_case(owner), from_(std::move(from)), handler_(std::move(f)) {
    place = &value_;
  }

  bool try_or_enlist() noexcept override {
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
  void leave_line() noexcept override {
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
  selector_send(standing_wait& owner, sender<T> to, T value, F f)
      : selector_case(owner), to_(std::move(to)), value_(std::move(value)), handler_(std::move(f)) {
    place = &value_;
  }

  bool try_or_enlist() noexcept override {
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
  void leave_line() noexcept override {
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

}  // namespace detail

// Used by one fiber at a time, which also destroys it.
class selector : private detail::standing_wait {
 public:
  // Names a case as long as the selector exists.
  enum class case_id : std::uint64_t {};

  selector() = default;
  ~selector();
  selector(const selector&) = delete;
  selector& operator=(const selector&) = delete;

  // Receives again and again, until the channel is closed and drained or the case is removed. The handler takes a T, or a
  // std::optional<T>, which is empty at the end. Holds a copy of the receiver. Never parks. Throws std::bad_alloc.
  template <class T, class F>
  case_id add(receiver<T> from, F handler) {
    return insert(std::make_unique<detail::selector_receive<T, F>>(standing(), std::move(from), std::move(handler)));
  }
  // Sends the value once; the handler is told whether it was sent (a bool: false if the channel is closed), and the case is over.
  template <class T, class F>
  case_id add(sender<T> to, std::type_identity_t<T> value, F handler) {
    static_assert(std::is_invocable_v<F&, bool>, "the handler of a send takes a bool: whether the value was sent");
    return insert(
        std::make_unique<detail::selector_send<T, F>>(standing(), std::move(to), std::move(value), std::move(handler)));
  }
  // False if the case is over already. A handler may remove any case, its own too.
  bool remove(case_id id) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return cases_.size(); }
  [[nodiscard]] bool empty() const noexcept { return cases_.empty(); }

  // Parks until a case can go, does it, calls its handler, and returns which it was. Empty if there is no case (any more). A cancellation
  // point; throws `cancelled` and what the handler throws.
  std::optional<case_id> wait() { return wait_until(std::chrono::steady_clock::time_point::max()); }
  // As wait(); empty, too, when the limit comes.
  std::optional<case_id> wait_for(std::chrono::nanoseconds limit) { return wait_until(parker::from_now(limit)); }
  std::optional<case_id> wait_until(std::chrono::steady_clock::time_point limit);

 private:
  using case_pointer = std::unique_ptr<detail::selector_case>;

  detail::standing_wait& standing() noexcept { return *this; }
  bool claim(detail::channel_waiter& w) noexcept override;
  case_id insert(case_pointer c);
  detail::selector_case* next_that_can_go() noexcept;
  detail::selector_case* park(std::chrono::steady_clock::time_point limit, bool& timed_out);
  case_id finish(detail::selector_case& c);
  void list(detail::selector_case& c) noexcept;
  void unlist(detail::selector_case& c) noexcept;

  std::unordered_map<std::uint64_t, case_pointer> cases_;
  std::uint64_t last_id_ = 0;
  detail::selector_case* running_ = nullptr;  // whose handler is under way
  case_pointer removed_while_running_;

  // Taken with a channel's lock held, never the other way round.
  spin_lock lock_;
  ticket waiting_;
  detail::selector_case* fired_ = nullptr;  // done by who ended the wait
  detail::selector_case* first_ready_ = nullptr;
  detail::selector_case* last_ready_ = nullptr;
};

}  // namespace weft
