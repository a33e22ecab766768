// A pointer into a frame that has returned, read after the fiber was switched away and back.
#include <weft/scheduler/scheduler.hpp>

namespace {

// Through a volatile, so that no compiler sees what is returned.
[[gnu::noinline]] int* pointer_into_own_frame() {
  int local = 7;
  int* volatile escaped = &local;
  return escaped;
}

}  // namespace

int main() {
  volatile int seen = 0;
  weft::run({.workers = 2}, [&] {
    weft::group g;
    g.spawn([&] {
      const int* dangling = pointer_into_own_frame();
      weft::yield();
      seen = *dangling;
    });
  });
  return 0;
}
