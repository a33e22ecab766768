// A channel of T: the ring of values, and what sending and receiving are.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/scheduler/caller.hpp>
#include <weft/sync/detail/channel_base.hpp>

namespace weft::detail {

// Why a send or receive with a limit has ended without a value having passed.
enum class no_value : unsigned char { closed, timed_out };

template <class T>
class channel_core final : public channel_base {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                "a channel's values are moved while others look on: moving and destroying a T must not throw; send a "
                "std::unique_ptr<T> instead");

 public:
  using time_point = parker::time_point;

  // Throws std::length_error and std::bad_alloc.
  explicit channel_core(std::size_t capacity) : channel_base(capacity) {
    if (capacity > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T)) {
      throw std::length_error("weft: a channel cannot have that capacity: its values would not fit into memory");
    }
    if (capacity > 0) ring_ = std::allocator<T>().allocate(capacity);
  }
  ~channel_core() {
    drop_buffered();
    if (capacity_ > 0) std::allocator<T>().deallocate(ring_, capacity_);
  }

  // ---- with the lock held; `woken` must be resumed after it has been freed
  // Receivers wait only while the ring is empty, but those whose waits have ended otherwise may stand in the line for longer.
  attempt put(T& value, ticket& woken) noexcept {
    if (closed_.load(std::memory_order_relaxed)) return attempt::closed;
    if (channel_waiter* w = receivers_.claim_first()) {
      static_cast<std::optional<T>*>(w->place)->emplace(std::move(value));
      let_go(*w, woken);
      return attempt::done;
    }
    if (size() == capacity_) return attempt::must_wait;
    push(value);
    count_passed();
    return attempt::done;
  }

  attempt take(std::optional<T>& into, ticket& woken) noexcept {
    if (size() != 0) {
      pop(into);
      if (channel_waiter* w = senders_.claim_first()) {
        push(*static_cast<T*>(w->place));
        let_go(*w, woken);
      }
      return attempt::done;
    }
    if (channel_waiter* w = senders_.claim_first()) {
      into.emplace(std::move(*static_cast<T*>(w->place)));
      let_go(*w, woken);
      return attempt::done;
    }
    return closed_.load(std::memory_order_relaxed) ? attempt::closed : attempt::must_wait;
  }

  // ---- whole operations
  attempt try_put(T& value) noexcept {
    return locked([&](ticket& woken) noexcept { return put(value, woken); });
  }
  attempt try_take(std::optional<T>& into) noexcept {
    return locked([&](ticket& woken) noexcept { return take(into, woken); });
  }

  // Parks until the value has gone (attempt::done), the channel is closed, or the limit comes (attempt::must_wait). Throws `cancelled`.
  // The ring's part alone is inline: in a pair of fibers that share a buffer it is what nearly all calls come to.
  [[gnu::always_inline]] attempt send(T& value, time_point limit) {
    cancellation_point();
    if (size() != capacity_) [[likely]] {
      lock_.lock();
      if (ring_has_room()) [[likely]] {
        push(value);
        count_passed();
        const std::uint64_t sent = passed();
        lock_.unlock();
        if (sent % turn == 0) [[unlikely]]
          give_way();
        return attempt::done;
      }
      lock_.unlock();
    }
    return send_otherwise(value, limit);
  }
  [[gnu::always_inline]] attempt receive(std::optional<T>& into, time_point limit) {
    if (T* oldest = lock_oldest()) [[likely]] {
      into.emplace(std::move(*oldest));
      unlock_without(*oldest);
      return attempt::done;
    }
    return receive_otherwise(into, limit);
  }
  // The same with the value in registers where it fits.
  [[gnu::always_inline]] std::optional<T> receive(time_point limit) {
    if (T* oldest = lock_oldest()) [[likely]] {
      T value(std::move(*oldest));
      unlock_without(*oldest);
      return std::optional<T>(std::move(value));
    }
    return receive_otherwise(limit);
  }

  // What can be taken at once, appended to `out` as far as it has room; at most `most` values. Returns how many.
  std::size_t take_available(std::vector<T>& out, std::size_t most) noexcept {
    std::size_t taken = 0;
    while (taken < most && out.size() < out.capacity() && may_take()) {
      std::optional<T> value;
      if (try_take(value) != attempt::done) break;
      out.push_back(std::move(*value));
      ++taken;
    }
    return taken;
  }

  void drop_buffered() noexcept {
    std::optional<T> value;
    while (size() != 0 && try_take(value) == attempt::done) value.reset();
  }

 private:
  [[nodiscard]] bool ring_has_room() const noexcept {
    return size() != capacity_ && receivers_.empty() && !closed_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool ring_has_value() const noexcept { return size() != 0 && senders_.empty(); }

  // The oldest value, with the lock held, if the ring has one and no sender waits for its place; else nullptr.
  [[gnu::always_inline]] T* lock_oldest() {
    cancellation_point();
    if (size() == 0) return nullptr;
    lock_.lock();
    if (ring_has_value()) [[likely]]
      return ring_ + head_;
    lock_.unlock();
    return nullptr;
  }
  [[gnu::always_inline]] void unlock_without(T& oldest) {
    drop_oldest(oldest);
    const std::uint64_t received = passed() - size();
    lock_.unlock();
    if (received % turn == 0) [[unlikely]]
      give_way();
  }

  template <class Try>
  attempt locked(Try once) noexcept {
    ticket woken;
    lock_.lock();
    const attempt result = once(woken);
    lock_.unlock();
    if (woken) woken.resume();
    return result;
  }

  [[gnu::noinline]] attempt send_otherwise(T& value, time_point limit) {
    if (may_put()) {
      const attempt a = try_put(value);
      if (a != attempt::must_wait) return a;
    }
    return wait_to_pass(send_wait, senders_, &value, limit, [&](ticket& woken) noexcept { return put(value, woken); });
  }
  [[gnu::noinline]] attempt receive_otherwise(std::optional<T>& into, time_point limit) {
    if (may_take()) {
      const attempt a = try_take(into);
      if (a != attempt::must_wait) return a;
    }
    return wait_to_pass(receive_wait, receivers_, &into, limit,
                        [&](ticket& woken) noexcept { return take(into, woken); });
  }
  [[gnu::noinline]] std::optional<T> receive_otherwise(time_point limit) {
    std::optional<T> value;
    receive_otherwise(value, limit);
    return value;
  }

  // The parker is made before the lock is taken, so whoever wants to end this wait meanwhile waits for us no longer than for the lock.
  template <class Try>
  attempt wait_to_pass(const wait_kind& kind, channel_waiters& line, void* place, time_point limit, Try once) {
    parker self(kind, this);
    ticket woken;
    lock_.lock();
    const attempt now = once(woken);
    if (now != attempt::must_wait) {
      lock_.unlock();
      if (woken) woken.resume();
      return now;
    }
    channel_waiter me{.waiting = self.id(), .place = place};
    switch (wait(self, line, me, limit)) {
      case wake::signalled:
        return me.outcome == channel_waiter::end::passed ? attempt::done : attempt::closed;
      case wake::timed_out:
        return attempt::must_wait;
      case wake::cancelled:
        throw_cancelled();
    }
    return attempt::must_wait;
  }

  void pop(std::optional<T>& into) noexcept {
    T& oldest = ring_[head_];
    into.emplace(std::move(oldest));
    drop_oldest(oldest);
  }
  void drop_oldest(T& oldest) noexcept {
    std::destroy_at(&oldest);
    if (++head_ == capacity_) head_ = 0;
    set_size(size() - 1);
  }
  void push(T& value) noexcept {
    std::construct_at(ring_ + tail_, std::move(value));
    if (++tail_ == capacity_) tail_ = 0;
    set_size(size() + 1);
  }
  // A value has gone from or to a waiter.
  void let_go(channel_waiter& w, ticket& woken) noexcept {
    w.outcome = channel_waiter::end::passed;
    woken = w.waiting;
    count_passed();
  }

  T* ring_ = nullptr;
};

}  // namespace weft::detail
