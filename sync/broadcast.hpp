// Every receiver gets every value: events for many listeners, none of whom may hold up the others.
//
//   auto [send, receive] = weft::make_broadcast<tick>(256);
//   g.spawn([receive = receive]() mutable {                    // a copy hears what is sent from then on
//     while (auto item = receive.receive()) {
//       if (item->lagged > 0) resynchronise();                 // so many values were lost to this receiver before this one
//       handle(*item->value);
//     }
//   });
//
// Guarantees: each receiver gets the values in the order they were sent; the latest `capacity` values are kept, and a receiver that is further
// behind is told how many it has lost. Sending never waits. Costs: an allocation a value, shared by all receivers; a receive is a
// lock of some nanoseconds. Source of the idea: tokio's broadcast channel.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weft/sync/detail/watched.hpp>

namespace weft {

template <class T>
class broadcast_sender;
template <class T>
class broadcast_receiver;

template <class T>
struct broadcast_item {
  std::shared_ptr<const T> value;
  std::uint64_t lagged = 0;  // values between this and the one received before, which were lost to this receiver
};

template <class T>
[[nodiscard]] std::pair<broadcast_sender<T>, broadcast_receiver<T>> make_broadcast(std::size_t capacity);

namespace detail {

template <class T>
struct broadcast_core : watched {
  explicit broadcast_core(std::size_t capacity) : ring(capacity) {}
  std::vector<std::shared_ptr<const T>> ring;  // value number n at n % size
};

}  // namespace detail

// Move-only; its end is the end of the values.
template <class T>
class broadcast_sender {
 public:
  broadcast_sender(broadcast_sender&&) noexcept = default;
  broadcast_sender& operator=(broadcast_sender other) noexcept {
    core_.swap(other.core_);
    return *this;
  }
  ~broadcast_sender() {
    if (core_ != nullptr) core_->close();
  }

  // Never parks; any thread. Throws std::bad_alloc and what moving a T throws.
  void send(T value) {
    auto next = std::make_shared<const T>(std::move(value));
    core_->change([&] { core_->ring[core_->version % core_->ring.size()].swap(next); });
  }
  // A receiver of what is sent from now on.
  [[nodiscard]] broadcast_receiver<T> subscribe() const { return broadcast_receiver<T>(core_); }

 private:
  friend std::pair<broadcast_sender, broadcast_receiver<T>> make_broadcast<T>(std::size_t capacity);
  explicit broadcast_sender(std::shared_ptr<detail::broadcast_core<T>> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::broadcast_core<T>> core_;
};

// One fiber uses one. A copy goes on from where the original stands.
template <class T>
class broadcast_receiver {
 public:
  // The next value; parks until there is one. Empty when the sender is gone and everything was received. A cancellation point; throws
  // `cancelled`.
  [[nodiscard]] std::optional<broadcast_item<T>> receive() { return receive_until(parker::time_point::max()); }
  // As receive(); empty, too, when the time is over.
  [[nodiscard]] std::optional<broadcast_item<T>> receive_for(std::chrono::nanoseconds limit) {
    return receive_until(parker::from_now(limit));
  }
  // A value that is there already. Never parks; any thread.
  [[nodiscard]] std::optional<broadcast_item<T>> try_receive() {
    std::lock_guard guard(core_->lock);
    return take();
  }

 private:
  friend class broadcast_sender<T>;
  friend std::pair<broadcast_sender<T>, broadcast_receiver> make_broadcast<T>(std::size_t capacity);
  explicit broadcast_receiver(std::shared_ptr<detail::broadcast_core<T>> core) : core_(std::move(core)) {
    std::lock_guard guard(core_->lock);
    next_ = core_->version;
  }

  std::optional<broadcast_item<T>> receive_until(parker::time_point limit) {
    check_cancelled();
    for (;;) {
      if (auto item = try_receive()) return item;
      std::uint64_t seen = next_;
      if (core_->await_change(seen, limit) != detail::watched::news::changed) return std::nullopt;
    }
  }
  // Locked.
  std::optional<broadcast_item<T>> take() {
    const std::uint64_t sent = core_->version, kept = core_->ring.size();
    if (next_ == sent) return std::nullopt;
    const std::uint64_t oldest = sent > kept ? sent - kept : 0;
    const std::uint64_t at = std::max(next_, oldest);
    broadcast_item<T> item{core_->ring[at % kept], at - next_};
    next_ = at + 1;
    return item;
  }

  std::shared_ptr<detail::broadcast_core<T>> core_;
  std::uint64_t next_ = 0;  // the number of the value to receive next
};

// Keeps the latest `capacity` values, at least 1 (std::invalid_argument). Throws std::length_error, std::bad_alloc.
template <class T>
std::pair<broadcast_sender<T>, broadcast_receiver<T>> make_broadcast(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("weft: a broadcast keeps one value at least: its capacity was 0");
  auto core = std::make_shared<detail::broadcast_core<T>>(capacity);
  return {broadcast_sender<T>(core), broadcast_receiver<T>(core)};
}

}  // namespace weft
