// Undefined arithmetic on a fiber that was switched away and back.
#include <limits>

#include <weft/scheduler/scheduler.hpp>

int main() {
  return weft::run({.workers = 2}, [] {
    volatile int large = std::numeric_limits<int>::max();
    weft::yield();
    large = large + 1;
    return 0;
  });
}
