// The way from a C library into weft, and back.
//
// A hook first tries its call so that it cannot wait. Only if it would have to does it go on inside weft, which is what these
// functions are for. They are defined once in each program: entry.cpp has those for fibers of ordinary weft programs, who share their worker's
// thread-locals and are kept on it meanwhile; a program whose threads are fibers with thread-locals of their own has others.
#pragma once

#include <cstdint>

namespace weft::io::hooks {

// True where the caller's wait may park a fiber; else the hook is the real call. Called by every hook first: it must be quick (2 ns), and right in
// constructors, while the program ends, after fork() and in signal handlers. Under whatever thread pointer the caller has.
[[nodiscard]] bool may_wait() noexcept;

// From construction to destruction the caller is inside weft: it may park, throw and catch, and call anything of weft's. Hooks that are
// called meanwhile on its behalf are the real calls. errno is that of the worker's thread then, so a hook sets the caller's after it has left, by
// leave_with().
class entry {
 public:
  entry() noexcept;
  ~entry();
  entry(const entry&) = delete;
  entry& operator=(const entry&) = delete;

 private:
  void* saved_[3] = {};  // for whoever defines it
};

// What a negative result is to the caller, who has left: the result, or another one. May end the calling thread by unwinding its stack, where threads can be
// cancelled so.
[[nodiscard]] std::int64_t result_after_leaving(std::int64_t result);

}  // namespace weft::io::hooks
