// Channels: values from some fibers to others, in order, bounded, with an end that everybody sees.
//
//   auto [send, receive] = weft::make_channel<frame>(64);     // 0: a rendezvous, nothing is kept in between
//   g.spawn([send = std::move(send)] { while (...) if (!send.send(next())) break; });   // the last sender gone: the end
//   for (frame f : receive) draw(f);
//
// Guarantees: each value is received once, in the order in which the sends have got hold of the channel. Waiting fibers are served in
// order of arrival. A value that was not passed is given back, or destroyed with the wait that a cancellation has ended; one that was passed
// is never lost by a cancellation on either side. A send happens before the receive of its value.
//
// A thread that runs no fiber may use both ends as well: where a fiber would park, it blocks.
//
// Costs, one worker: some 7 ns a buffered value, sent and received; 60 ns where each value has to be waited for, since then a switch of
// fibers is in it. A channel is one allocation and one more for its buffer. Values are moved under a spin lock: T's move must be nothrow
// (checked) and must not wait.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weft/sync/detail/channel_core.hpp>

namespace weft {

template <class T>
class sender;
template <class T>
class receiver;

enum class send_status : unsigned char {
  sent,       // a receiver has it, or the buffer
  closed,     // the channel is closed: nobody will receive any more
  full,       // try_send() would have had to wait
  timed_out,  // the time limit came first
};

// What has become of a value: sent, or here it is again.
template <class T>
class [[nodiscard]] send_result {
 public:
  send_result() = default;
  send_result(send_status why, T&& rejected) : status_(why), rejected_(std::move(rejected)) {}

  explicit operator bool() const noexcept { return status_ == send_status::sent; }
  [[nodiscard]] send_status status() const noexcept { return status_; }
  // The value that was not sent. Throws std::bad_optional_access if it was.
  [[nodiscard]] T& rejected() & { return rejected_.value(); }
  [[nodiscard]] T rejected() && { return std::move(rejected_).value(); }

 private:
  send_status status_ = send_status::sent;
  std::optional<T> rejected_;
};

struct channel_statistics {
  std::size_t capacity = 0;
  std::size_t size = 0;  // values in the buffer
  std::size_t waiting_senders = 0;
  std::size_t waiting_receivers = 0;
  std::uint64_t total_sent = 0;
};

namespace detail {

template <class T>
struct channel_access;

[[noreturn]] inline void throw_empty_end() {
  throw std::logic_error("weft: this end of a channel is empty: it was moved from, or never made by make_channel()");
}

template <class T>
channel_statistics statistics_of(channel_core<T>& c) {
  std::lock_guard guard(c.guard());
  return {.capacity = c.capacity(),
          .size = c.size(),
          .waiting_senders = c.senders().count(),
          .waiting_receivers = c.receivers().count(),
          .total_sent = c.passed()};
}

}  // namespace detail

// The end where values go in. Copies count: when the last of them is destroyed, the channel closes. One object may be used by any number
// of fibers at once, but not while it is assigned or destroyed. An empty one throws std::logic_error.
template <class T>
class sender {
 public:
  sender() = default;
  sender(const sender& other) noexcept : core_(other.core_) {
    if (core_ != nullptr) core_->add_sender();
  }
  sender(sender&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  sender& operator=(sender other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~sender() {
    if (core_ == nullptr || !core_->drop_sender()) return;
    core_->close();
    if (core_->drop_side()) delete core_;
  }

  // Sends; parks while the buffer is full, or until a receiver takes the value. A cancellation point; throws `cancelled`, and the value is
  // destroyed with that.
  [[gnu::always_inline]] send_result<T> send(T value) const {
    return outcome(core().send(value, std::chrono::steady_clock::time_point::max()), send_status::timed_out, value);
  }
  // As send(), for at most that long.
  send_result<T> send_for(T value, std::chrono::nanoseconds limit) const {
    return send_until(std::move(value), parker::from_now(limit));
  }
  send_result<T> send_until(T value, std::chrono::steady_clock::time_point limit) const {
    return outcome(core().send(value, limit), send_status::timed_out, value);
  }
  // Sends if that needs no wait. Never parks; any thread.
  send_result<T> try_send(T value) const noexcept {
    schedule_point();
    return outcome(core().try_put(value), send_status::full, value);
  }

  // Ends the channel for all: what is buffered can still be received, sends fail, those that wait too. Never parks; any thread.
  void close() const { core().close(); }
  [[nodiscard]] bool is_closed() const { return core().is_closed(); }
  // Any thread; a snapshot.
  [[nodiscard]] channel_statistics statistics() const { return detail::statistics_of(core()); }

  explicit operator bool() const noexcept { return core_ != nullptr; }

 private:
  friend struct detail::channel_access<T>;
  explicit sender(detail::channel_core<T>* core) noexcept : core_(core) {}
  [[nodiscard]] detail::channel_core<T>& core() const {
    if (core_ == nullptr) [[unlikely]]
      detail::throw_empty_end();
    return *core_;
  }
  static send_result<T> outcome(detail::attempt a, send_status otherwise, T& value) {
    if (a == detail::attempt::done) [[likely]]
      return {};
    return {a == detail::attempt::closed ? send_status::closed : otherwise, std::move(value)};
  }

  detail::channel_core<T>* core_ = nullptr;
};

// The end where values come out. Copies share the values: each goes to one of them. When the last copy is destroyed, the channel
// closes and what is buffered is destroyed. As for sender, any number of fibers may use one object.
template <class T>
class receiver {
 public:
  class iterator;

  receiver() = default;
  receiver(const receiver& other) noexcept : core_(other.core_) {
    if (core_ != nullptr) core_->add_receiver();
  }
  receiver(receiver&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  receiver& operator=(receiver other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~receiver() {
    if (core_ == nullptr || !core_->drop_receiver()) return;
    core_->close();
    core_->drop_buffered();
    if (core_->drop_side()) delete core_;
  }

  // The next value; parks until there is one. Empty when the channel is closed and everything was received. A cancellation point; throws
  // `cancelled`.
  // Inline, as GCC puts the flag of an optional that is returned in registers together in memory, and waits for that.
  [[nodiscard, gnu::always_inline]] std::optional<T> receive() const {
    return core().receive(std::chrono::steady_clock::time_point::max());
  }
  // As receive(), for at most that long: empty also when the time is over; is_drained() tells which.
  [[nodiscard]] std::optional<T> receive_for(std::chrono::nanoseconds limit) const {
    return receive_until(parker::from_now(limit));
  }
  [[nodiscard]] std::optional<T> receive_until(std::chrono::steady_clock::time_point limit) const {
    return core().receive(limit);
  }
  // A value if that needs no wait. Never parks; any thread.
  [[nodiscard]] std::optional<T> try_receive() const {
    schedule_point();
    std::optional<T> value;
    core().try_take(value);
    return value;
  }

  // Waits for a value as receive() does and appends it to `out`, and whatever else is there, `most` values at most. Returns how many; 0: the
  // channel is closed and drained. Throws std::bad_alloc, and then has received nothing.
  [[nodiscard]] std::size_t receive_many(std::vector<T>& out, std::size_t most) const {
    if (most == 0) return 0;
    const std::size_t expected = std::min(most, core().capacity() + 1);
    if (out.capacity() - out.size() < expected) out.reserve(std::max(out.size() + expected, 2 * out.capacity()));
    std::optional<T> first = receive();
    if (!first) return 0;
    out.push_back(std::move(*first));
    return 1 + core().take_available(out, most - 1);
  }

  // As sender::close().
  void close() const { core().close(); }
  [[nodiscard]] bool is_closed() const { return core().is_closed(); }
  // Closed, and everything was received.
  [[nodiscard]] bool is_drained() const { return core().is_closed() && core().size() == 0; }
  [[nodiscard]] channel_statistics statistics() const { return detail::statistics_of(core()); }

  explicit operator bool() const noexcept { return core_ != nullptr; }

  // For range-for: receives until the channel is closed and drained. An input range; ++ parks.
  [[nodiscard]] iterator begin() const { return iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend struct detail::channel_access<T>;
  explicit receiver(detail::channel_core<T>* core) noexcept : core_(core) {}
  [[nodiscard]] detail::channel_core<T>& core() const {
    if (core_ == nullptr) [[unlikely]]
      detail::throw_empty_end();
    return *core_;
  }

  detail::channel_core<T>* core_ = nullptr;
};

template <class T>
class receiver<T>::iterator {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  iterator() = default;
  explicit iterator(const receiver& from) : from_(&from) { ++*this; }

  [[nodiscard]] T& operator*() const noexcept { return *value_; }
  // In place: GCC stores the flag of an optional that is returned in registers as a byte and loads a word, which waits for the store.
  iterator& operator++() {
    value_.reset();
    static_cast<void>(from_->core().receive(value_, std::chrono::steady_clock::time_point::max()));
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const iterator& i, std::default_sentinel_t /*end*/) noexcept { return !i.value_; }

 private:
  const receiver* from_ = nullptr;
  mutable std::optional<T> value_;  // what * refers to may be moved from
};

namespace detail {

// For what is built on channels.
template <class T>
struct channel_access {
  static channel_core<T>& core(const sender<T>& s) { return s.core(); }
  static channel_core<T>& core(const receiver<T>& r) { return r.core(); }
  static std::pair<sender<T>, receiver<T>> make(std::size_t capacity) {
    auto* core = new channel_core<T>(capacity);
    return {sender<T>(core), receiver<T>(core)};
  }
};

}  // namespace detail

// A channel whose buffer holds so many values; with 0 a send waits for its receiver. Throws std::length_error, std::bad_alloc.
template <class T>
[[nodiscard]] std::pair<sender<T>, receiver<T>> make_channel(std::size_t capacity) {
  return detail::channel_access<T>::make(capacity);
}

}  // namespace weft
