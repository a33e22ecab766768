// How much a directory tree holds: a bounded crawl as a pipeline. One fiber walks the tree, several look at files, one adds up; a ticker shows
// how far it has got. However large the tree, only as much is under way as the queues hold.
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <weft/io/directory.hpp>
#include <weft/io/filesystem.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/sync/pipeline.hpp>
#include <weft/sync/select.hpp>
#include <weft/sync/watch.hpp>

namespace {

using namespace std::chrono_literals;

struct totals {
  std::uint64_t files = 0, bytes = 0;
};

void walk(const std::string& root, const weft::sender<std::string>& files) {
  for (const weft::io::walk_entry& e : weft::io::tree_walk(root)) {
    if (e.error) std::fprintf(stderr, "%s: %s\n", e.path.c_str(), e.error.message().c_str());
    if (!e.error && e.type == std::filesystem::file_type::regular && !files.send(e.path)) return;
  }
}

std::uint64_t size_of(const std::string& file) {
  std::error_code error;
  return weft::io::status(file, error).size;
}

totals add_up(const std::string& root) {
  weft::group g;
  auto files = weft::source<std::string>(g, [&root](const auto& emit) { walk(root, emit); }, {.queue = 64});
  auto sizes = weft::stage(g, std::move(files), size_of, {.parallel = 8, .queue = 64});
  auto [progress, watcher] = weft::make_watch(totals{});
  g.spawn_daemon([watcher = watcher]() mutable {
    while (watcher.changed()) {
      std::fprintf(stderr, "%" PRIu64 " files so far\n", watcher.get()->files);
    }
  });
  totals sum;
  auto next_report = std::chrono::steady_clock::now() + 1s;
  for (bool more = true; more;) {
    weft::select(
        sizes >>
            [&](std::optional<std::uint64_t> size) {
              more = size.has_value();
              sum.files += more ? 1 : 0;
              sum.bytes += size.value_or(0);
            },
        weft::at(next_report) >>
            [&, &progress = progress] {
              progress.set(sum);
              next_report += 1s;
            });
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string root = argc > 1 ? argv[1] : ".";
  const totals sum = weft::run([&] { return add_up(root); });
  std::printf("%" PRIu64 " files, %" PRIu64 " bytes\n", sum.files, sum.bytes);
}
