// A value that changes, and those who want to know its latest state: settings, a progress, a leader.
//
//   auto [setting, watcher] = weft::make_watch(initial);
//   setting.set(next);                               // never parks; whoever is slow misses states, never the latest one
//   while (watcher.changed()) apply(*watcher.get()); // each fiber has a watcher of its own: a copy
//
// Guarantees: a watcher that calls changed() again and again sees a state at least as new as each set() that happened before the call.
// Costs: an allocation a set(); a look is a lock of some nanoseconds, whatever the size of T: states are shared, not copied. Source of the
// idea: tokio's watch channel.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <weft/sync/detail/watched.hpp>

namespace weft {

template <class T>
class watch_sender;
template <class T>
class watch_receiver;

namespace detail {

template <class T>
struct watch_core : watched {
  explicit watch_core(std::shared_ptr<const T> first) noexcept : state(std::move(first)) {}
  std::shared_ptr<const T> state;  // guarded by the lock of `watched`
};

}  // namespace detail

template <class T>
[[nodiscard]] std::pair<watch_sender<T>, watch_receiver<T>> make_watch(T initial);

// Sets the state. Move-only; its end ends the watching.
template <class T>
class watch_sender {
 public:
  watch_sender(watch_sender&&) noexcept = default;
  watch_sender& operator=(watch_sender other) noexcept {
    core_.swap(other.core_);
    return *this;
  }
  ~watch_sender() {
    if (core_ != nullptr) core_->close();
  }

  // The new state, for all. Never parks; any thread. Throws std::bad_alloc and what moving a T throws.
  void set(T value) {
    auto next = std::make_shared<const T>(std::move(value));
    core_->change([&] { core_->state.swap(next); });  // the old state goes when the lock is free again
  }
  [[nodiscard]] std::shared_ptr<const T> get() const {
    std::lock_guard guard(core_->lock);
    return core_->state;
  }

 private:
  friend std::pair<watch_sender, watch_receiver<T>> make_watch<T>(T initial);
  explicit watch_sender(std::shared_ptr<detail::watch_core<T>> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::watch_core<T>> core_;
};

// Sees the state. Copyable: each copy remembers for itself what it has seen; one fiber uses one.
template <class T>
class watch_receiver {
 public:
  // The state as it is now, which counts as seen. Never empty; unchanged as long as it is held. Never parks; any thread.
  [[nodiscard]] std::shared_ptr<const T> get() {
    std::lock_guard guard(core_->lock);
    seen_ = core_->version;
    return core_->state;
  }
  // Parks until there is a state that this receiver has not seen, and counts it as seen; false if there will be none. A cancellation
  // point; throws `cancelled`.
  [[nodiscard]] bool changed() {
    return core_->await_change(seen_, parker::time_point::max()) == detail::watched::news::changed;
  }
  // As changed(), for at most that long: false also when the time is over.
  [[nodiscard]] bool changed_for(std::chrono::nanoseconds limit) {
    return core_->await_change(seen_, parker::from_now(limit)) == detail::watched::news::changed;
  }
  // The sender is gone: the state will not change any more.
  [[nodiscard]] bool is_closed() const {
    std::lock_guard guard(core_->lock);
    return core_->closed;
  }

 private:
  friend std::pair<watch_sender<T>, watch_receiver> make_watch<T>(T initial);
  explicit watch_receiver(std::shared_ptr<detail::watch_core<T>> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::watch_core<T>> core_;
  std::uint64_t seen_ = 0;
};

// The first state counts as seen. Throws std::bad_alloc and what moving a T throws.
template <class T>
std::pair<watch_sender<T>, watch_receiver<T>> make_watch(T initial) {
  auto core = std::make_shared<detail::watch_core<T>>(std::make_shared<const T>(std::move(initial)));
  return {watch_sender<T>(core), watch_receiver<T>(core)};
}

}  // namespace weft
