// What run() throws when nothing could ever wake its fibers again.
#pragma once

#include <stdexcept>

namespace weft {

// No fiber of any runtime could run any more: none ready, no timer set, no I/O operation or blocking() call under way, and no thread of
// the program outside weft that could wake one. The root function's waits, and all below, were cancelled (cancel_reason::deadlock).
// what() tells the cycle or the waits that nobody can end, and all fibers with what they wait for.
class deadlock_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace weft
