// What all channels share, whatever they carry: who waits at them, and their end.
//
// Everything but the two flags that are read as hints is guarded by the channel's spin lock. A fiber that waits stands in one of the
// two lists by a node on its frame. Whoever finds it there claims its wait first, then hands the value over, lets go of the lock and
// makes the fiber ready last: a value never goes to a fiber whose wait ended otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft::detail {

struct channel_waiter;

// Who stands in a channel's line for longer than a single park: a selector. Called with the channel's lock held.
class standing_waiter {
 public:
  // As ticket::claim() for the wait that is in progress, which it puts into `w.waiting`. If none is, remembers that `w` is worth a try.
  virtual bool claim(channel_waiter& w) noexcept = 0;

 protected:
  ~standing_waiter() = default;
};

struct channel_waiter {
  enum class end : unsigned char {
    none,    // nobody has claimed it
    passed,  // the value has gone from or to `place`
    closed,  // the channel was closed
  };

  ticket waiting;
  standing_waiter* standing = nullptr;
  void* place = nullptr;  // the T that is sent, or the std::optional<T> to fill
  channel_waiter* previous = nullptr;
  channel_waiter* next = nullptr;
  bool queued = false;
  end outcome = end::none;

  [[nodiscard]] bool claim() noexcept { return standing == nullptr ? waiting.claim() : standing->claim(*this); }
};

// In order of arrival. Guarded by its channel's lock, but for empty(), which is a hint without it.
class channel_waiters {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_.load(std::memory_order_relaxed) == nullptr; }
  [[nodiscard]] std::size_t count() const noexcept;
  void append(channel_waiter& w) noexcept {
    w.queued = true;
    w.next = nullptr;
    w.previous = last_;
    if (last_ != nullptr) {
      last_->next = &w;
    } else {
      first_.store(&w, std::memory_order_relaxed);
    }
    last_ = &w;
  }
  void remove(channel_waiter& w) noexcept {
    w.queued = false;
    if (w.previous != nullptr) {
      w.previous->next = w.next;
    } else {
      first_.store(w.next, std::memory_order_relaxed);
    }
    (w.next != nullptr ? w.next->previous : last_) = w.previous;
  }
  // The first whose wait this call has ended, out of the list; nullptr if there is none.
  channel_waiter* claim_first() noexcept {
    while (channel_waiter* w = first_.load(std::memory_order_relaxed)) {
      remove(*w);
      if (w->claim()) return w;
    }
    return nullptr;
  }

 private:
  std::atomic<channel_waiter*> first_{nullptr};
  channel_waiter* last_ = nullptr;
};

// What one attempt has come to.
enum class attempt : unsigned char {
  done,
  must_wait,
  closed,
};

class channel_base {
 public:
  explicit channel_base(std::size_t capacity) noexcept : capacity_(capacity) {}
  channel_base(const channel_base&) = delete;
  channel_base& operator=(const channel_base&) = delete;

  [[nodiscard]] spin_lock& guard() noexcept { return lock_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] channel_waiters& senders() noexcept { return senders_; }
  [[nodiscard]] channel_waiters& receivers() noexcept { return receivers_; }

  // Without the lock: whether an attempt is worth the lock. They may be wrong either way.
  [[nodiscard]] bool may_take() const noexcept {
    return size_.load(std::memory_order_relaxed) != 0 || !senders_.empty() || is_closed();
  }
  [[nodiscard]] bool may_put() const noexcept {
    return size_.load(std::memory_order_relaxed) != capacity_ || !receivers_.empty() || is_closed();
  }
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  // No value goes in any more; wakes everybody who waits. Later calls do nothing.
  void close() noexcept;

  void add_sender() noexcept { senders_alive_.fetch_add(1, std::memory_order_relaxed); }
  void add_receiver() noexcept { receivers_alive_.fetch_add(1, std::memory_order_relaxed); }
  // True if it was the last.
  [[nodiscard]] bool drop_sender() noexcept { return senders_alive_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  [[nodiscard]] bool drop_receiver() noexcept { return receivers_alive_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  // Of the two sides; true for the last of them.
  [[nodiscard]] bool drop_side() noexcept { return sides_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  // Waits in `line` with `me`, whose wait is `self`; the lock is held on entry and free on return. When the wait ended otherwise
  // than by a claim, `me` is out of the line again.
  wake wait(parker& self, channel_waiters& line, channel_waiter& me, parker::time_point limit) noexcept;
  // Takes a waiter back, if it is still in the line.
  void withdraw(channel_waiters& line, channel_waiter& me) noexcept;

  [[nodiscard]] std::uint64_t passed() const noexcept { return passed_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 protected:
  ~channel_base() = default;
  void set_size(std::size_t n) noexcept { size_.store(n, std::memory_order_relaxed); }
  // An operation that need not wait lets others run all the same, after so many values.
  static constexpr std::uint64_t turn = 1024;
  void count_passed() noexcept {
    passed_.store(passed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  spin_lock lock_;
  std::atomic<bool> closed_{false};
  const std::size_t capacity_;
  std::size_t head_ = 0;  // of the ring of buffered values: the oldest
  std::size_t tail_ = 0;  // where the next goes
  std::atomic<std::size_t> size_{0};
  channel_waiters senders_;    // the ring is full
  channel_waiters receivers_;  // the ring is empty, and no sender waits
  std::atomic<std::uint64_t> passed_{0};

 private:
  std::atomic<std::uint32_t> senders_alive_{1};
  std::atomic<std::uint32_t> receivers_alive_{1};
  std::atomic<std::uint32_t> sides_{2};
};

extern const wait_kind send_wait, receive_wait;

}  // namespace weft::detail
