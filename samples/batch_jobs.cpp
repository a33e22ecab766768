// Jobs that nobody trusts, over all cores: each is a guest with limits of memory, output and time, a hundred at a time, with a
// bar that shows how far they are. What one of them does is no other's trouble.
//
//   batch_jobs COUNT GUEST.wasm...
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include <weft/wasm/wasm.hpp>

namespace {

using namespace std::chrono_literals;
using namespace weft::literals;
namespace wasm = weft::wasm;

struct tally {
  std::atomic<int> done{0};
  std::atomic<int> stopped{0};  // by a limit
  std::atomic<int> failed{0};

  [[nodiscard]] int all() const { return done + stopped + failed; }
};

void run_job(const wasm::module& program, tally& count) {
  std::string output;
  wasm::guest job(program, {.arguments = {"20000"},
                            .output = wasm::stdio::capture(output),
                            .error = wasm::stdio::null(),
                            .limits = {.memory = 16_MiB, .output = 64_KiB, .cpu_time = 100ms, .wall_time = 20s}});
  try {
    ++(job.run() == 0 ? count.done : count.failed);
  } catch (const wasm::trap& t) {
    ++(wasm::is_limit(t.code()) ? count.stopped : count.failed);
  }
}

// One line that is written over and over; where nobody looks, nothing.
void show(const tally& count, int jobs) {
  if (::isatty(STDOUT_FILENO) == 0) return;
  for (;;) {
    const int part = 40 * count.all() / jobs;
    std::printf("\r[%-40s] %d of %d", std::string(static_cast<std::size_t>(part), '#').c_str(), count.all(), jobs);
    std::fflush(stdout);
    weft::sleep_for(100ms);
  }
}

int run_all(int jobs, const std::vector<std::string>& files) {
  wasm::engine engine;
  std::vector<wasm::module> programs;
  for (const std::string& file : files) programs.push_back(engine.load(file));
  tally count;
  weft::counting_semaphore<> at_once(100);
  {
    weft::group g;
    g.spawn_daemon([&] { show(count, jobs); });
    for (int i = 0; i < jobs; ++i) {
      at_once.acquire();
      g.spawn([&, i] {
        run_job(programs[static_cast<std::size_t>(i) % programs.size()], count);
        at_once.release();
      });
    }
  }
  std::printf("\n%d jobs: %d done, %d stopped by their limits, %d failed\n", jobs, count.done.load(),
              count.stopped.load(), count.failed.load());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: batch_jobs COUNT GUEST.wasm...\n", stderr);
    return 2;
  }
  try {
    return weft::run([&] { return run_all(std::stoi(argv[1]), {argv + 2, argv + argc}); });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "batch_jobs: %s\n", e.what());
    return 1;
  }
}
