// Fibers that wait for something which knows nothing of them, by its address: a pthread mutex, a semaphore.
//
// The pattern is that of a futex: who waits says, under the lock of his place, whether he still has to; who changes the thing looks afterwards
// whether anybody waits, which costs a load where nobody does. (The idea is WebKit's WTF::ParkingLot.) Addresses share 256 places.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft::io::hooks {

class parking_lot {
  struct waiter {
    const void* key;
    ticket wait;
    waiter* previous = nullptr;
    waiter* next = nullptr;
    bool queued = false;
  };

  // A place; the count is of those who are in the list or about to be.
  struct alignas(64) bucket {
    spin_lock lock;
    std::atomic<std::uint32_t> count{0};
    waiter* first = nullptr;
    waiter* last = nullptr;

    void append(waiter& w) noexcept;
    void remove(waiter& w) noexcept;
  };

 public:
  using time_point = parker::time_point;
  using cancellation = parker::cancellation;

  // Parks until woken, unless still_needed() says no. It is called with the place locked, so it must not wait; it may bring the limit
  // forward. Inside weft (entry.hpp).
  template <class Predicate>
  static wake wait(const void* key, const wait_kind& kind, cancellation mode, const time_point& limit,
                   Predicate still_needed) {
    bucket& b = bucket_of(key);
    parker self(kind, key, mode);
    enter();
    b.lock.lock();
    b.count.fetch_add(1, std::memory_order_seq_cst);  // before the look: who makes the change after it sees us
    if (!still_needed()) {
      b.count.fetch_sub(1, std::memory_order_relaxed);
      b.lock.unlock();
      exit();
      return wake::signalled;
    }
    waiter w{.key = key, .wait = self.id()};
    b.append(w);
    const wake why = self.park_until(limit, [&b] {
      b.lock.unlock();
      exit();
    });
    leave(b, w);
    return why;
  }

  // Queues, calls before_parking(), which must not wait, and parks until woken: nothing that happens after the call is missed.
  template <class Function>
  static wake wait_after(const void* key, const wait_kind& kind, cancellation mode, time_point limit,
                         Function before_parking) {
    bucket& b = bucket_of(key);
    parker self(kind, key, mode);
    waiter w{.key = key, .wait = self.id()};
    begin_parking(key);
    add(b, w);
    before_parking();
    const wake why = self.park_until(limit, [] { end_parking(); });
    leave(b, w);
    return why;
  }

  // False where surely nobody waits, provided that the caller's last change was a locked instruction, as every release of a lock is on x86: then it has
  // been seen by whoever is not counted here.
  [[nodiscard]] static bool may_have_waiters(const void* key) noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return bucket_of(key).count.load(std::memory_order_relaxed) != 0;
  }

  // The first whose wait has not ended otherwise; false if there is none. Any thread, also in a signal handler. Where it interrupts the
  // lot itself on the calling thread - in a handler, or in the scheduler that frees a lock of its own while it parks a fiber - it says false, and all who
  // wait in that place are woken a moment later: each looks again whether he has to wait.
  static bool wake_one(const void* key) noexcept;
  static void wake_all(const void* key) noexcept;

 private:
  static bucket& bucket_of(const void* key) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(key);
    return buckets_[(address * 0x9E3779B97F4A7C15U) >> 56];
  }
  // Between them the calling thread holds a place's lock, or has a fiber in the list that has not parked yet, and must not wait for either.
  static void enter() noexcept;
  static void exit() noexcept;
  static void begin_parking(const void* key) noexcept;
  static void end_parking() noexcept;
  static bool wake_later(const bucket& b, const void* key) noexcept;
  static void wake_those_put_off() noexcept;
  static void wake_all_in(bucket& b) noexcept;

  static void add(bucket& b, waiter& w) noexcept;
  static void leave(bucket& b, waiter& w) noexcept;
  static ticket take_first(bucket& b, const void* key) noexcept;

  static std::array<bucket, 256> buckets_;
};

}  // namespace weft::io::hooks
