// What happens when a task fails: its siblings are cancelled wherever they wait, everything is joined, and the group says
// what failed. No task is left behind, and no failure is lost.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>

#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace {

using namespace std::chrono_literals;

// Says when it goes: destructors run on cancellation as on any other exception.
struct held_resource {
  const char* name;
  ~held_resource() { std::printf("  %s released\n", name); }
};

std::string read_settings(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path + ": create it, or name another file");
  return {std::istreambuf_iterator<char>(file), {}};
}

void a_failure_cancels_siblings() {
  std::puts("one of three tasks fails:");
  try {
    weft::group g("startup");
    for (const char* name : {"cache", "database"}) {
      g.spawn([name] {
        const held_resource resource{name};
        weft::sleep_for(1h);  // cancelled long before
      });
    }
    g.spawn(
        [] {
          weft::sleep_for(10ms);  // the others are under way by then
          return read_settings("/nonexistent/settings");
        },
        {.name = "settings"});
    g.join();
  } catch (const weft::group_error& error) {
    std::printf("  the group threw: %s\n", error.find<std::runtime_error>()->what());
  }
}

void a_deadline_ends_everything_below() {
  std::puts("work that takes too long:");
  try {
    weft::with_deadline(5ms, [] {
      weft::group g;
      for (int i = 0; i < 1000; ++i) g.spawn([] { weft::sleep_for(1h); });
      g.join();
    });
  } catch (const weft::timeout_error& error) {
    std::printf("  all 1000 tasks gone: %s\n", error.what());
  }
}

void a_supervising_group_keeps_going() {
  std::puts("failures that should not stop the others:");
  int finished = 0;
  try {
    weft::group g(weft::supervise);
    weft::task<void> good = g.spawn([&] {
      weft::sleep_for(2ms);
      ++finished;
    });
    g.spawn([] { throw std::runtime_error("first"); });
    g.spawn([] { throw std::runtime_error("second"); });
    good.wait();
    g.join();
  } catch (const weft::group_error& error) {
    std::printf("  %d task finished, %zu failed\n", finished, error.failures().size());
  }
}

}  // namespace

int main() {
  return weft::run([] {
    a_failure_cancels_siblings();
    a_deadline_ends_everything_below();
    a_supervising_group_keeps_going();
    return 0;
  });
}
