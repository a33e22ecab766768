// Fibers for work that has no structure: for who runs under weft what was written for threads, such as io/exec.
//
// weft's own programs spawn into groups, whose scopes do not end before their tasks. A program that was written for threads has no such scope: its
// threads end when they end. A foreign thread is a fiber that belongs to the runtime alone. It parks, migrates and is seen in dumps like any
// other, nothing cancels it, and its runtime must not be destroyed before it has ended. Costs: a spawn is about 100 ns and takes one lock, so that
// threads begin in the order in which they were made, on whichever worker is free.
#pragma once

#include <ucontext.h>

#include <cstddef>

#include <weft/scheduler/runtime.hpp>

namespace weft {

namespace detail {
class runtime_core;
class foreign_waits;
}  // namespace detail

class foreign_threads {
 public:
  using function = void (*)(void* argument) noexcept;

  // Of the runtime, which must outlive this object. Not on one of its fibers.
  explicit foreign_threads(runtime& of);

  // Has function(argument) run on a fiber of its own. `name` is told in dumps; it must live as long as the fiber. stack_size: at least so many bytes; up to
  // options::stack_size it is that one, beyond it the next power of two. Any thread; never parks. Throws std::bad_alloc, std::invalid_argument for
  // more than 1 GiB. A fiber that finds no address space for its stack when it is to begin ends the process with a message.
  void spawn(function f, void* argument, const char* name, std::size_t stack_size = 0) const;

  // Where the stack of the calling fiber is: its lowest usable byte, and how many there are. Nothing outside a fiber.
  struct extent {
    char* low = nullptr;
    std::size_t size = 0;
  };
  [[nodiscard]] static extent stack_of_caller() noexcept;

  // The waits of one foreign thread, which others may end. As long as it lives.
  class waits {
   public:
    waits() = default;
    // Of the calling fiber, which must be a foreign thread.
    [[nodiscard]] static waits of_caller() noexcept;
    // From now on each wait of the thread that observes cancellation ends by `cancelled`, the one it is in too. Any thread; the
    // thread must not end before this has returned.
    void interrupt() const noexcept;
    // No longer. The thread itself, between two waits.
    void renew() const noexcept;
    explicit operator bool() const noexcept { return of_ != nullptr; }

   private:
    explicit waits(detail::foreign_waits* of) noexcept : of_(of) {}
    detail::foreign_waits* of_ = nullptr;
  };

 private:
  detail::runtime_core* core_ = nullptr;
};

}  // namespace weft
