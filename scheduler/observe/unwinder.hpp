// Stacks as functions and lines, from copies of them. Uses elfutils' libdwfl, which unwinds by the program's own unwind tables; in a
// build without it no frame is found.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weft/scheduler/observe/stack_image.hpp>

namespace weft::detail {

struct frame {
  std::uint64_t address = 0;
  std::string function;  // empty where unknown
  std::string file;
  int line = 0;
};

// Reads the program's debug information as far as it needs it (tens of milliseconds at first), never over a network. One thread, with a
// stack of 1 MiB at least.
class unwinder {
 public:
  unwinder();
  ~unwinder();
  unwinder(const unwinder&) = delete;
  unwinder& operator=(const unwinder&) = delete;

  // The frames, innermost first, without those of the scheduler at both ends. 64 at most.
  [[nodiscard]] std::vector<frame> frames_of(const stack_image& stack);

 private:
  struct library;
  std::unique_ptr<library> library_;
};

// Cuts off the frames at both ends that every fiber has: the switch below, the host's loop above.
void drop_machinery(std::vector<frame>& frames);

}  // namespace weft::detail
