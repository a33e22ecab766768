// What of this machine matters to weft: a list of findings, each with its cause and remedy where something is not as it should be. For
// programs that want to say why I/O is slower than it could be, or why there are fewer workers than CPUs; `weft doctor` prints it.
// Looks at /proc, /sys and limits, and makes a ring for a moment; changes nothing. Some milliseconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::io {

struct finding {
  enum class state : std::uint8_t {
    good,     // as it should be
    limited,  // weft works, with less speed or for fewer connections
    bad,      // something will not work
  };
  std::string name = {};  // "io_uring"
  state how = state::good;
  std::string found = {};   // what it is: "registered ring, deferred completions"
  std::string cause = {};   // why it is not good; empty if it is
  std::string remedy = {};  // what to do about it; the same
};

// In an order for readers. Does not park, throws nothing but std::bad_alloc. Any thread.
[[nodiscard]] std::vector<finding> examine();

// "good", "limited", "bad".
[[nodiscard]] const char* to_string(finding::state how) noexcept;

}  // namespace weft::io
