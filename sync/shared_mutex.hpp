// One writer or many readers.
//
// Neither starves: while a writer waits, readers who come later wait behind it, and when it leaves all readers who wait by then go before
// the next writer (phase-fair: Björn Brandenburg and James Anderson, "Spin-based reader-writer synchronization for multiprocessor real-time systems",
// 2010). Whoever waited is let in directly and is not overtaken. Without contention each operation is one compare-and-swap; readers on several
// workers share its cache line, so for sections of some ten nanoseconds mutex is as good.
#pragma once

#include <atomic>
#include <cstddef>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/misuse.hpp>
#include <weft/sync/detail/shared_word.hpp>
#include <weft/sync/detail/waiter_list.hpp>

namespace weft {

struct shared_mutex_statistics {
  std::size_t readers = 0;          // inside, now
  std::size_t waiting_readers = 0;  // now
  std::size_t waiting_writers = 0;
};

// The standard's SharedMutex: std::shared_lock, unique_lock and the rest work, for fibers and threads. Unlocked by whoever locked it. Not
// recursive, not even for readers: one who reads and wants to read again may wait behind a writer who waits for him.
class shared_mutex {
 public:
  shared_mutex() = default;
  // Nobody may wait: ends the process otherwise.
  ~shared_mutex();
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;

  // Cancellation points where they have to wait; they throw `cancelled`, and then hold nothing; and std::system_error
  // (resource_deadlock_would_occur) if the caller's own fiber or thread holds it as its writer.
  void lock() {
    turn_point();
    if (!word_.try_enter()) [[unlikely]]
      return lock_slowly();
    note_holder();
  }
  void lock_shared() {
    turn_point();
    if (!word_.try_enter_shared()) [[unlikely]]
      lock_shared_slowly();
  }
  [[nodiscard]] bool try_lock() noexcept {
    if (!word_.try_enter()) return false;
    note_holder();
    return true;
  }
  [[nodiscard]] bool try_lock_shared() noexcept { return word_.try_enter_shared(); }

  // Throw std::system_error (operation_not_permitted) if it has no writer or another one than the caller's fiber or thread, as seen by the stack;
  // or if it has no reader. Never wait.
  void unlock() {
    detail::expect_holder(holder_.load(std::memory_order_relaxed), "shared_mutex");
    holder_.store(nullptr, std::memory_order_relaxed);
    if (!word_.try_leave()) [[unlikely]]
      unlock_slowly();
    schedule_point();
  }
  void unlock_shared() {
    if (!word_.try_leave_shared()) [[unlikely]]
      unlock_shared_slowly();
    schedule_point();
  }

  [[nodiscard]] shared_mutex_statistics statistics() const noexcept;

 private:
  struct waiter : detail::waiter_links<waiter> {
    ticket waiting;
  };
  using waiters = detail::waiter_list<waiter>;

  [[gnu::always_inline]] void note_holder() noexcept {
    holder_.store(__builtin_frame_address(0), std::memory_order_relaxed);
  }
  void refuse_second_lock() const;
  void lock_slowly();
  void lock_shared_slowly();
  void unlock_slowly();
  void unlock_shared_slowly();
  void wait_in(waiters& queue, parker& self);
  void admit(bool readers_first) noexcept;
  std::size_t admit_readers() noexcept;
  bool admit_writer() noexcept;

  detail::shared_word word_;
  std::atomic<const void*> holder_{nullptr};  // an address on the writer's stack
  mutable spin_lock lock_;                    // of all below
  waiters readers_;
  waiters writers_;
};

}  // namespace weft
