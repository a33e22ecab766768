// Memory that a fiber loses.
#include <weft/scheduler/scheduler.hpp>

namespace {

[[gnu::noinline]] void lose(volatile int* memory) { *memory = 7; }

}  // namespace

int main() {
  return weft::run({.workers = 2}, [] {
    weft::group g;
    g.spawn([] {
      int* memory = new int[1000];
      weft::yield();
      lose(memory);
    });
    return 0;
  });
}
