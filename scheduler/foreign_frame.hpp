// Frames of code that knows nothing of fibers, on a fiber's stack: a C library, and what it calls back.
//
// Such code may keep the address of a thread-local variable (errno, to begin with) across a call that parks, and would read another
// thread's if its fiber went on elsewhere. A `foreign_frame` keeps the fiber on its worker. weft::hooks does that by itself for the calls
// of a library that wait; it is needed around a library that calls back into code which parks by weft's own means.
//
//   weft::foreign_frame here;
//   sort_with_callback(rows, [](const row& a, const row& b) { return ask_server(a, b); });
//
// Costs two stores. A fiber that is kept waits for its worker, even if others are idle.
#pragma once

#include <cstdint>

namespace weft {

namespace detail {
class worker;
}

// From construction to destruction the calling fiber is resumed on the worker that runs it now. They nest. A local variable of one fiber; does
// nothing outside a fiber, nor in a seeded run, which has one worker.
class foreign_frame {
 public:
  foreign_frame() noexcept;
  ~foreign_frame();
  foreign_frame(const foreign_frame&) = delete;
  foreign_frame& operator=(const foreign_frame&) = delete;

 private:
  detail::worker* outer_ = nullptr;
};

// True where the caller may park, as far as can be told from inside a function that anybody may have called: on a fiber, on that fiber's own
// stack (not on a signal handler's), and not while it is already on its way into a wait. No cancellation point; may be called in signal handlers.
[[nodiscard]] bool may_park_here() noexcept;

// What dumps call the calling fiber, which no other has, now or later; 0 outside a fiber.
[[nodiscard]] std::uint64_t fiber_number() noexcept;

// For what a signal handler has made ready: the worker that it interrupted may be on its way to sleep, where it does not look any more at what is. It
// looks once more now. Nothing on a thread that is no worker's; may be called in signal handlers, never parks.
void interrupt_own_worker() noexcept;

// Parks for a moment whatever has become of the caller's scope, so that one who does not listen to his cancellation does not keep the worker
// from others. Only where may_park_here().
void give_way_unheard();

}  // namespace weft
