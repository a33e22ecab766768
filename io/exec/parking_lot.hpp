// Where threads of the program wait for an address: the objects of pthreads stay what they are, only the waiting is done here.
//
// Who wants to wait enlists, looks at the object once more, and sleeps; who changes the object looks afterwards whether anybody has enlisted. Both
// are full fences on x86-64 (a lock is taken, the object is changed by a locked instruction), so one of the two sees the other. (The parking lot of
// WebKit's WTF, and futex(2) itself, are made so.) Fibers park, the main thread sleeps in the kernel.
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft::exec {

using time_point = parker::time_point;
inline constexpr time_point no_limit = time_point::max();

struct lot_bucket;

// One wait for an address, on the waiting thread's stack.
class lot_waiter {
 public:
  static constexpr std::uint32_t any = ~std::uint32_t{0};

  // Enlists, behind all others. A wake takes only waiters that have one of its bits.
  explicit lot_waiter(const void* address, std::uint32_t bits = any) noexcept;
  // Withdraws, if it was not woken.
  ~lot_waiter();
  lot_waiter(const lot_waiter&) = delete;
  lot_waiter& operator=(const lot_waiter&) = delete;

  enum class end : std::uint8_t { woken, timed_out, interrupted };
  // Sleeps until it is woken, or the limit; where interruptible, also until a pthread_cancel or signal to the thread is due. Withdraws in these cases.
  [[nodiscard]] end sleep(time_point limit, bool interruptible) noexcept;
  // Withdraws before its time; true if it had been woken, which somebody else may have needed.
  bool withdraw() noexcept;

 private:
  friend struct lot_bucket;
  bool settle(lot_bucket& b) noexcept;
  friend int wake_waiters(const void* address, int count, std::uint32_t bits) noexcept;

  lot_waiter* next_ = nullptr;
  lot_waiter* previous_ = nullptr;
  const void* const address_;
  ticket who_;  // once it sleeps
  const std::uint32_t bits_;
  bool listed_ = true;
  bool settled_ = false;  // the owner knows that it is not listed, and
  bool woken_ = false;    // whether it was woken
};

// Wakes so many of those that wait for the address, the longest first; how many it has woken.
int wake_waiters(const void* address, int count, std::uint32_t bits = lot_waiter::any) noexcept;
// False if certainly nobody waits for it.
[[nodiscard]] bool somebody_waits(const void* address) noexcept;

// Sleeps without waiting for anything.
[[nodiscard]] lot_waiter::end sleep_until(time_point limit) noexcept;

// Ends the interruptible wait of a thread, if it is in one.
struct program_thread;
void interrupt(program_thread& t) noexcept;

// In the child of a fork(): the others' waits are not in this process.
void empty_lot_after_fork() noexcept;

}  // namespace weft::exec
