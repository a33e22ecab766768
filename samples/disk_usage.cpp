// How much room directory trees take on the disk, as du does it: disk_usage [PATH...]. A task walks each directory near the top, so that several are walked at
// once; what a walk brings has its status with it. On a terminal stderr shows how far it has got.
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include <weft/io/io.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>

namespace {

using namespace std::chrono_literals;
namespace io = weft::io;

// Directories so near to the top are walked by tasks of their own.
constexpr std::size_t split_depth = 2;

struct usage {
  std::atomic<std::uint64_t> entries{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> errors{0};
};

void complain(usage& sum, const std::string& what) {
  ++sum.errors;
  io::standard_error().write_all("disk_usage: " + what + "\n");
}

// A file with several names is counted with each of them.
void walk(weft::group& g, const std::string& from, std::size_t depth, usage& sum) {
  try {
    io::tree_walk entries(from, {.status = true});
    for (const io::walk_entry& e : entries) {
      if (e.error) {
        complain(sum, "cannot read '" + e.path + "': " + e.error.message());
        continue;
      }
      if (e.depth > 0 && e.is_directory() && depth + e.depth <= split_depth) {
        entries.skip();
        g.spawn([&g, &sum, path = e.path, below = depth + e.depth] { walk(g, path, below, sum); });
        continue;
      }
      ++sum.entries;
      sum.bytes += e.status->allocated;
    }
  } catch (const std::system_error& e) {
    complain(sum, e.what());
  }
}

void show_progress(const usage& sum) {
  io::ticker beat(100ms);
  for (;;) {
    beat.wait();
    io::standard_error().write_all("\r" + std::to_string(sum.entries) + " entries");
  }
}

void measure(const std::string& root, usage& sum) {
  {
    weft::group g("walks");
    if (io::is_terminal(2)) g.spawn_daemon([&sum] { show_progress(sum); });
    g.spawn([&] { walk(g, root, 0, sum); });
  }
  if (io::is_terminal(2)) io::standard_error().write_all("\r\x1b[K");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> roots(argv + 1, argv + argc);
  if (roots.empty()) roots.emplace_back(".");
  return weft::run([&] {
    bool failed = false;
    for (const std::string& root : roots) {
      usage sum;
      measure(root, sum);
      std::printf("%" PRIu64 " KiB, %" PRIu64 " entries  %s\n", sum.bytes / 1024, sum.entries.load(), root.c_str());
      failed |= sum.errors != 0;
    }
    return failed ? 1 : 0;
  });
}
