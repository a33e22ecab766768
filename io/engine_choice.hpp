// Which I/O engine a runtime gets, and why.
//
// weft has two: io_uring, where the kernel does the operations, and epoll, where it tells when they can be done. Both do the same; what
// differs is in docs/internals/io.md. options::io chooses one for a runtime, else the environment variable WEFT_IO does:
//
//   auto   io_uring where the kernel gives a ring that works, else epoll (the default)
//   uring  io_uring, or starting the runtime throws std::system_error, which names the cause and the remedy
//   epoll  epoll
//
// An option that is set wins over the environment: what a program asks for in so many words is not for others to change. A word that is
// none of these is a std::invalid_argument. With auto each worker decides for itself, and once one has been refused a ring the later ones do not ask.
// runtime_statistics::drivers tells what the workers have got.
#pragma once

#include <string>

namespace weft::io {

struct engine_choice {
  std::string engine;  // "io_uring", "epoll"; empty before the first worker with I/O has started
  std::string reason;  // in words: "asked for by WEFT_IO", or why the kernel gives no ring, and what to do about it
  bool is_fallback = false;  // epoll although io_uring would have been preferred
};

// The last choice that differed from the one before it; made as a runtime's workers start. Nothing is logged by the library; a
// program that logs may log this once its runtime has started. Any thread.
[[nodiscard]] engine_choice last_engine_choice();

}  // namespace weft::io
