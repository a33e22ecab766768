// For gdb_test.py: fibers parked in known places, then a stop.
#include <atomic>
#include <csignal>
#include <cstdio>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/group.hpp>

namespace {

weft::test::gate gate;

[[gnu::noinline]] void wait_at_the_well(int depth) {
  if (depth > 0) {
    wait_at_the_well(depth - 1);
  } else {
    gate.pass();
  }
  asm volatile("");  // no tail call
}

}  // namespace

int main() {
  weft::test::run([] {
    weft::group g;
    g.spawn([] { wait_at_the_well(3); }, {.name = "thirsty"});
    g.spawn([] { weft::sleep_for(std::chrono::hours(1)); }, {.name = "sleeper"});
    weft::test::give_way_until([] {
      const std::string text = weft::dump();
      return text.find(": sleep") != std::string::npos && text.find(": something unnamed") != std::string::npos;
    });
    std::raise(SIGTRAP);  // gdb looks, and goes on
    gate.open();
    g.cancel();
  });
  std::puts("finished");
}
