// The first program: tasks that wait without holding a thread.
#include <chrono>
#include <cstdio>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/this_fiber.hpp>

int main() {
  using namespace std::chrono_literals;
  return weft::run([] {
    weft::group g;  // owns what it spawns: its scope does not end before its tasks have
    for (int i = 1; i <= 3; ++i) {
      g.spawn([i] {
        weft::sleep_for(i * 1ms);  // parks this fiber; its worker runs others
        std::printf("hello from task %d\n", i);
      });
    }
    g.join();
    std::puts("all tasks have ended");
    return 0;
  });
}
