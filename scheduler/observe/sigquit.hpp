// A dump on SIGQUIT.
#pragma once

namespace weft::detail {

// While at least one lives, SIGQUIT writes a dump to stderr. The handler only wakes a thread, which does the work. Afterwards the handler of
// before is back, unless somebody has put another in place since.
class sigquit_dump {
 public:
  // Throws std::system_error if the descriptor or the thread cannot be had.
  sigquit_dump();
  ~sigquit_dump();
  sigquit_dump(const sigquit_dump&) = delete;
  sigquit_dump& operator=(const sigquit_dump&) = delete;
};

}  // namespace weft::detail
