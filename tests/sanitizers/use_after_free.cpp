// One fiber frees what another still points to, and reads after it was parked.
#include <atomic>
#include <memory>

#include <weft/scheduler/scheduler.hpp>

int main() {
  volatile int seen = 0;
  weft::run({.workers = 2}, [&] {
    auto* shared = new int(7);
    std::atomic<bool> reading = false;
    std::atomic<bool> freed = false;
    weft::group g;
    g.spawn([&] {
      const int* mine = shared;
      reading = true;
      while (!freed) weft::yield();
      seen = *mine;
    });
    g.spawn([&] {
      while (!reading) weft::yield();
      delete shared;
      freed = true;
    });
  });
  return 0;
}
