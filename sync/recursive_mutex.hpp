// A mutex that whoever holds it may lock again.
//
// For callbacks into code that locks what its caller has locked; where that can be avoided, mutex is the better choice: it tells a
// mistake from an intention. Waits as mutex does; costs about 4 ns a lock more, for looking up who calls.
#pragma once

#include <atomic>
#include <cstddef>

#include <weft/sync/mutex.hpp>

namespace weft {

// The standard's Mutex. Its owner is the task that locked it (outside of tasks the fiber or thread): a task that runs on the stack of another, which
// waits for it, does not own what the other one holds.
class recursive_mutex {
 public:
  recursive_mutex() = default;
  // Nobody may wait: ends the process otherwise.
  ~recursive_mutex() = default;
  recursive_mutex(const recursive_mutex&) = delete;
  recursive_mutex& operator=(const recursive_mutex&) = delete;

  // As mutex::lock(), also what it throws; never waits where the caller owns it.
  void lock();
  [[nodiscard]] bool try_lock() noexcept;
  // Free after as many unlocks as there were locks. Throws std::system_error (operation_not_permitted) if the caller does not own it.
  void unlock();

  [[nodiscard]] mutex_statistics statistics() const noexcept { return mutex_.statistics(); }

 private:
  bool enter_again(const void* caller) noexcept;
  void enter_first(const void* caller) noexcept;

  mutex mutex_;
  std::atomic<const void*> owner_{nullptr};  // nobody else sees himself here
  std::size_t depth_ = 0;                    // the owner's
};

}  // namespace weft
