// Looks for a text in all files of some trees: parallel_grep TEXT [PATH...]. One fiber walks the trees, several search files, and each prints what
// it has found of one file together. On a terminal stderr shows how far it has got. Exits as grep does: 0 if there was a match, 1 if not, 2 after an error.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/io/io.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/mutex.hpp>

namespace {

using namespace std::chrono_literals;
namespace io = weft::io;

constexpr int searchers = 16;

class search {
 public:
  explicit search(std::string_view text) : text_(text) {}

  int run(std::span<const std::string> roots) {
    {
      weft::group g("search");
      auto [send, receive] = weft::make_channel<std::string>(256);
      g.spawn([this, roots, send = std::move(send)] { walk(roots, send); });
      for (int i = 0; i < searchers; ++i) {
        g.spawn([this, receive = receive]() mutable {
          for (const std::string& path : receive) search_file(path);
        });
      }
      if (io::is_terminal(2)) g.spawn_daemon([this] { show_progress(); });
    }
    if (io::is_terminal(2)) io::standard_error().write_all("\r\x1b[K");
    return errors_ != 0 ? 2 : matches_ != 0 ? 0 : 1;
  }

 private:
  void walk(std::span<const std::string> roots, const weft::sender<std::string>& files) {
    for (const std::string& root : roots) {
      try {
        for (const io::walk_entry& e : io::tree_walk(root)) {
          if (e.error) {
            complain("cannot read '" + e.path + "': " + e.error.message());
          } else if (e.type == std::filesystem::file_type::regular && !files.send(e.path)) {
            return;
          }
        }
      } catch (const std::system_error& e) {
        complain(e.what());
      }
    }
  }

  void search_file(const std::string& path) {
    try {
      io::buffered_reader reader(io::file(path), 64 << 10);
      std::string found;
      if (!is_binary(reader.peek())) {
        for (const std::string& line : reader.lines({.limit = 64 << 20})) {
          if (line.find(text_) == std::string::npos) continue;
          found.append(path).append(": ").append(line).append("\n");
          ++matches_;
        }
      }
      ++files_;
      if (found.empty()) return;
      const std::scoped_lock alone(output_);
      io::standard_output().write_all(found);
    } catch (const std::system_error& e) {
      complain(e.what());
    }
  }

  static bool is_binary(std::span<const std::byte> beginning) {
    const std::string_view text(reinterpret_cast<const char*>(beginning.data()), beginning.size());
    return text.find('\0') != std::string_view::npos;
  }

  void complain(const std::string& what) {
    ++errors_;
    io::standard_error().write_all("parallel_grep: " + what + "\n");
  }

  void show_progress() {
    io::ticker beat(100ms);
    for (;;) {
      beat.wait();
      io::standard_error().write_all("\r" + std::to_string(files_) + " files, " + std::to_string(matches_) +
                                     " matches");
    }
  }

  const std::string text_;
  weft::mutex output_;
  std::atomic<std::uint64_t> files_{0};
  std::atomic<std::uint64_t> matches_{0};
  std::atomic<std::uint64_t> errors_{0};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s TEXT [PATH...]\n", argv[0]);
    return 2;
  }
  std::vector<std::string> roots(argv + 2, argv + argc);
  if (roots.empty()) roots.emplace_back(".");
  return weft::run([&] { return search(argv[1]).run(roots); });
}
