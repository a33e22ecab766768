// The one thing the scheduler knows about input and output: how to sleep, and how to be woken.
//
// Each worker owns one driver. An I/O engine (io_uring, epoll) implements it so that waiting for completions and waiting
// for work are one wait; without an engine a worker sleeps in a futex. The scheduler never learns what a driver waits for.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace weft {

class driver {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  virtual ~driver() = default;

  // What the driver is ("futex", "io_uring", "epoll"); part of logs and statistics.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // Starts what is queued, reaps what has completed, makes the fibers concerned ready. Never blocks. Owner thread only;
  // called with no fiber's stack at stake, so it may wake fibers but must not park. True if it did anything.
  virtual bool poll() noexcept = 0;

  // Sleeps until something completes, interrupt() is called, or `until` has come (time_point::max(): no limit), whichever
  // is first; an interrupt() since the last wait() makes it return at once. Reaps like poll(). Owner thread only.
  virtual void wait(time_point until) noexcept = 0;

  // Ends the wait in progress, or makes the next one return at once. Any thread.
  virtual void interrupt() noexcept = 0;

  // True while operations are queued or in flight, that is, while poll() is worth its cost. Owner thread only.
  [[nodiscard]] virtual bool busy() const noexcept = 0;

  // While the owner's fiber computes and never comes here: has what has completed reach those who wait for it, so that others may serve them. True if
  // anything did. Never blocks for long; the owner may come back meanwhile. Any other thread, one at a time; `owner` is the
  // owner's. A driver that has nothing to say does nothing.
  virtual bool rescue(pid_t owner) noexcept {
    static_cast<void>(owner);
    return false;
  }

  // Operations started since the driver was made. Any thread; monotonic.
  [[nodiscard]] virtual std::uint64_t operations() const noexcept = 0;

  // Tells implementations apart without RTTI: the address is unique to a kind of driver.
  [[nodiscard]] virtual const void* kind() const noexcept = 0;
};

// Makes the driver of one worker, on that worker's own thread. What it throws reaches whoever starts the runtime.
using driver_factory = std::function<std::unique_ptr<driver>(unsigned worker)>;

// Chooses the factory of a runtime whose options bring none, given options::io, whose words only it knows. Throws std::invalid_argument for
// words that it does not.
using driver_chooser = std::function<driver_factory(const std::string& wanted)>;

// Who chooses. The I/O module registers itself here when it is linked; programs that never touch I/O sleep in futexes and make no
// rings. Call before the first runtime starts.
void set_driver_chooser(driver_chooser chooser);

// The driver of the worker that the caller runs on; nullptr outside weft's workers. A fiber may be on another worker
// after any call that parks: ask again, do not keep it.
[[nodiscard]] driver* current_driver() noexcept;

}  // namespace weft
