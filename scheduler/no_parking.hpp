// A stretch of code in which the calling fiber must not wait: on a stack that is not its own, such as in a callback of a
// library that keeps a stack for itself. What would park throws std::logic_error there instead of switching stacks.
#pragma once

namespace weft {

namespace detail {
struct fiber;
}

// From construction to destruction, calls of this fiber that would park throw std::logic_error, sleeps included; yields do
// nothing; blocking() runs its function on the spot, as on a thread. Nests. Does nothing on a thread that runs no fiber. Costs about 2 ns; never throws.
class no_parking {
 public:
  no_parking() noexcept;
  ~no_parking();
  no_parking(const no_parking&) = delete;
  no_parking& operator=(const no_parking&) = delete;

 private:
  detail::fiber* fiber_;
};

}  // namespace weft
