// Fibers that start, yield, wait for each other, fail and move between workers, with nothing wrong: no report may come.
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace {

long sum_of_tree(int depth) {
  if (depth == 0) return 1;
  weft::group g;
  weft::task<long> left = g.spawn([=] { return sum_of_tree(depth - 1); });
  weft::task<long> right = g.spawn([=] {
    weft::yield();
    return sum_of_tree(depth - 1);
  });
  return left.get() + right.get();
}

// All of them are parked at once before the first goes on.
long sum_after_all_have_met(int fibers) {
  std::atomic<int> arrived = 0;
  weft::group g;
  std::vector<weft::task<long>> tasks;
  for (int i = 0; i < fibers; ++i) {
    tasks.push_back(g.spawn([&, i] {
      arrived.fetch_add(1);
      while (arrived.load() < fibers) weft::yield();
      return static_cast<long>(i);
    }));
  }
  long sum = 0;
  for (auto& task : tasks) sum += task.get();
  return sum;
}

int caught_failures(int rounds) {
  int caught = 0;
  for (int i = 0; i < rounds; ++i) {
    try {
      weft::group g;
      g.spawn([] {
        weft::yield();
        throw std::runtime_error("expected");
      });
      g.join();
    } catch (const weft::group_error&) {
      weft::yield();
      ++caught;
    }
  }
  return caught;
}

}  // namespace

int main() {
  return weft::test::run([] {
    const bool good =
        sum_of_tree(10) == 1024 && sum_after_all_have_met(2000) == 1999L * 2000 / 2 && caught_failures(200) == 200;
    std::puts(good ? "all results are right" : "a result is wrong");
    return good ? 0 : 1;
  });
}
