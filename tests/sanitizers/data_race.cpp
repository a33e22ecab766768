// Two fibers on two workers count in a plain variable without a lock.
#include <atomic>
#include <cstdio>

#include <weft/scheduler/scheduler.hpp>

int main() {
  return weft::run({.workers = 2}, [] {
    int count = 0;
    // Over and over: a sanitizer remembers few accesses, and may miss one that coincides with another.
    for (int round = 0; round < 50; ++round) {
      // Relaxed: the meeting must not order what the fibers do afterwards.
      std::atomic<int> arrived = 0;
      auto meet_and_count = [&] {
        arrived.fetch_add(1, std::memory_order_relaxed);
        while (arrived.load(std::memory_order_relaxed) < 2) {
        }
        for (int i = 0; i < 1000; ++i) ++count;
      };
      weft::group g;
      g.spawn(meet_and_count);
      g.spawn(meet_and_count);
      g.join();
    }
    std::printf("%d\n", count);
    return 0;
  });
}
