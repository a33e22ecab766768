// What thread_locals must find: two addresses of thread-locals in functions that switch.
#include <cerrno>

#include <weft/scheduler/this_fiber.hpp>

namespace weft::test {

thread_local int of_this_thread = 0;

int variable_across_a_switch();
int variable_across_a_switch() {
  int& mine = of_this_thread;
  const int before = mine;
  yield();
  mine = before + 1;
  return mine;
}

int errno_across_a_switch();
int errno_across_a_switch() {
  errno = 0;
  yield();
  return errno;
}

}  // namespace weft::test
