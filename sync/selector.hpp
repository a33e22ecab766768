// A select() whose cases come and go: thousands of channels, tasks, events and timers watched by one fiber.
//
//   weft::selector s;
//   s.add(requests, [&](request r) { ... });                  // stays until it is removed or its channel has ended
//   auto id = s.add(commands, [&](std::optional<command> c) { if (!c) finish(); });
//   s.add(worker.done(), [&] { ... });                        // once
//   s.add(weft::after(10s), [&] { ... });                     // once
//   while (s.wait()) {}                                       // one case each time
//   s.remove(id);
//
// Guarantees: those of select(): a value or permit is taken only for the handler that gets it, which runs on the fiber that waits. Cases that are
// ready are served in turn, so none starves. A case stands in its object's line of waiting fibers; while the selector is busy with a handler,
// others in the line are served before it.
//
// Costs: each wait() is O(1), whatever the number of cases (O(log n) of n timers); adding and removing are O(1), and one allocation of about 200 bytes a case.
// Source of the idea: the ready list of Linux's epoll; but an event here is the operation itself, already done.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/detail/selector_case.hpp>
#include <weft/sync/select.hpp>

namespace weft {

// Used by one fiber at a time, which also destroys it.
class selector : private detail::case_owner {
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
    return insert(std::make_unique<detail::selector_receive<T, F>>(owner(), std::move(from), std::move(handler)));
  }
  // Sends the value once; the handler is told whether it was sent (a bool: false if the channel is closed), and the case is over.
  template <class T, class F>
  case_id add(sender<T> to, std::type_identity_t<T> value, F handler) {
    static_assert(std::is_invocable_v<F&, bool>, "the handler of a send takes a bool: whether the value was sent");
    return insert(
        std::make_unique<detail::selector_send<T, F>>(owner(), std::move(to), std::move(value), std::move(handler)));
  }
  // What else select() takes. Once: task.done(), when(event), after(), at(). Again and again: acquire(semaphore), whose permit is the handler's to
  // release, and when(auto_reset_event). The object, and the task's handle, must stay until the case is over or removed. Must be
  // called, and the selector used, on fibers only where that holds for the case. Never parks. Throws std::bad_alloc.
  template <class What, class F>
    requires selectable<detail::case_of<What, F>>
  case_id add(What what, F handler) {
    return insert(std::make_unique<detail::selector_other<What, F>>(owner(), std::move(what), std::move(handler)));
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

  detail::case_owner& owner() noexcept { return *this; }
  bool claim(detail::channel_waiter& w) noexcept override;
  bool signal(detail::selector_case& c) noexcept override;
  case_id insert(case_pointer c);
  void forget_timer(const detail::selector_case& c) noexcept;
  void list_due_timers() noexcept;
  detail::selector_case* next_that_can_go() noexcept;
  detail::selector_case* park(std::chrono::steady_clock::time_point limit, bool& timed_out);
  case_id finish(detail::selector_case& c);
  void list(detail::selector_case& c) noexcept;
  void unlist(detail::selector_case& c) noexcept;

  std::unordered_map<std::uint64_t, case_pointer> cases_;
  std::multimap<parker::time_point, detail::selector_case*> timers_;
  std::uint64_t last_id_ = 0;
  detail::selector_case* running_ = nullptr;  // whose handler is under way
  case_pointer removed_while_running_;

  // Taken with a channel's lock held, never the other way round.
  spin_lock lock_;
  ticket waiting_;
  detail::selector_case* fired_ = nullptr;  // by which the wait has ended
  detail::selector_case* first_ready_ = nullptr;
  detail::selector_case* last_ready_ = nullptr;
};

}  // namespace weft
