// The demo: 64 WebAssembly guests over all cores beside native code, everything measured and everything verified.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include <weft/scheduler/runtime.hpp>
#include <weft/wasm/cli/quantity.hpp>

#include "corpus.hpp"
#include "guests.hpp"
#include "passes.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "workload.hpp"

namespace demo {
namespace {

namespace fs = std::filesystem;
using weft::cli::format_duration;

struct options {
  fs::path guests, sources, output, json;
  unsigned workers = weft::available_cpus();
  bool quick = false;
};

fs::path folder_of_this_program() { return fs::read_symlink("/proc/self/exe").parent_path(); }

void define(CLI::App& app, options& o) {
  app.add_option("--output", o.output, "where the picture goes (default: weft-demo.png beside this program)");
  app.add_option("--json", o.json, "also write the results to this file");
  app.add_option("--workers", o.workers, "workers of the second pass (default: the CPUs this process may use)")
      ->check(CLI::Range(1U, 256U));
  app.add_flag("--quick", o.quick, "a small picture and short passes, for a check rather than a measurement");
  app.add_option("--guests", o.guests,
                 "folder of the guests' .wasm files (default: samples/guests beside this program)");
  app.add_option("--sources", o.sources, "folder whose files are hashed (default: the source tree it was built from)");
}

void fill_in_defaults(options& o) {
  if (o.guests.empty()) o.guests = folder_of_this_program() / "samples" / "guests";
  if (o.output.empty()) o.output = folder_of_this_program() / "weft-demo.png";
  if (o.sources.empty()) o.sources = WEFT_DEMO_SOURCES;
}

// "C 42, C++ 9, Go 6, AssemblyScript 8"
std::string languages_of(const std::vector<job>& jobs) {
  std::map<std::string, int> counts;
  for (const job& j : jobs) ++counts[j.guest->language];
  std::string text;
  for (const char* language : {"C", "C++", "Go", "AssemblyScript"}) {
    if (counts.count(language) != 0)
      text += (text.empty() ? "" : ", ") + std::string(language) + ' ' + std::to_string(counts[language]);
  }
  return text;
}

std::vector<std::uint8_t> read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("a guest wrote no " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

picture assemble(const std::vector<job>& jobs, const picture_size& size, const fs::path& tiles) {
  picture whole(size);
  for (const job& j : jobs) {
    if (j.what == job::kind::tile) whole.put(j.area, read_bytes(tiles / fs::path(j.arguments.back()).filename()));
  }
  return whole;
}

void check_picture(const picture& drawn, const picture& native) {
  if (drawn.bytes() != native.bytes())
    throw std::runtime_error("the guests' picture differs from the one drawn natively");
  if (drawn.checksum() != drawn.size().recorded_checksum) {
    throw std::runtime_error("the picture's SHA-256 is " + drawn.checksum() + ", recorded is " +
                             std::string(drawn.size().recorded_checksum));
  }
}

class demonstration {
 public:
  explicit demonstration(const options& o)
      : options_(o),
        size_(o.quick ? quick_picture : full_picture),
        work_{.picture = size_, .sieve_limit = o.quick ? 2'000'000U : 24'000'000U},
        box_{scratch_.path() / "sources", scratch_.path() / "data", scratch_.path() / "tiles"} {}

  void run() {
    check_output();
    load();
    stop_if_interrupted();
    run_passes();
    verify();
    stop_if_interrupted();
    picture_.write_png(options_.output);
    found_.picture_file = options_.output;
    std::printf("\n%s\n  The picture: %s\n", as_table(found_, out_.colour()).c_str(), options_.output.c_str());
    if (!options_.json.empty()) write_json();
  }

 private:
  // Said before the work rather than after it.
  void check_output() const {
    const fs::path folder = fs::absolute(options_.output).parent_path();
    if (!fs::is_directory(folder)) {
      throw std::runtime_error("there is no folder " + folder.string() +
                               " for the picture; name another file by --output");
    }
  }

  void load() {
    out_.step("guests loaded, input laid out");
    const auto start = std::chrono::steady_clock::now();
    files_ = make_corpus(options_.sources, box_.sources, box_.data, 12, options_.quick ? 64 << 10 : 2 << 20);
    fs::create_directories(box_.tiles);
    guests_ = weft::run([&] { return std::make_unique<programs>(load_programs(engine_, options_.guests)); });
    jobs_ = make_workload(*guests_, files_, work_);
    found_.files = files_.files.size();
    found_.file_bytes = files_.bytes;
    found_.languages = languages_of(jobs_);
    out_.done(format_duration(std::chrono::steady_clock::now() - start));
  }

  void stop_if_interrupted() const {
    if (const int signal = signals_.received(); signal != 0) throw interrupted{signal};
  }

  [[nodiscard]] stage shared() { return {*guests_, box_, out_, signals_}; }

  pass run_guests(unsigned workers) {
    out_.step(std::to_string(jobs_.size()) + " guests on " +
              (workers == 1 ? "1 worker" : std::to_string(workers) + " workers"));
    std::vector<guest_result> results;
    pass p = run_jobs(shared(), workers, jobs_, results);
    out_.done(format_duration(p.duration));
    results_.push_back(std::move(results));
    pictures_.push_back(assemble(jobs_, size_, box_.tiles));
    return p;
  }

  void run_passes() {
    found_.alone = run_guests(1);
    found_.one_worker_only = options_.workers == 1;
    if (!found_.one_worker_only) found_.together = run_guests(options_.workers);
    out_.step(std::to_string(2 * options_.workers) + " guests that never return, then cancelled");
    found_.hogs = run_hogs(shared(), options_.workers, std::chrono::milliseconds(options_.quick ? 500 : 2000));
    out_.done(format_duration(found_.hogs.duration));
  }

  void verify() {
    out_.step("everything computed again natively, compared");
    const auto start = std::chrono::steady_clock::now();
    const expectations expected = weft::run([&] { return expectations(work_, files_); });
    for (const std::vector<guest_result>& results : results_) {
      for (std::size_t i = 0; i < jobs_.size(); ++i) expected.check(jobs_[i], results[i]);
    }
    for (const picture& drawn : pictures_) check_picture(drawn, expected.drawn_natively());
    picture_ = pictures_.back();
    found_.picture_checksum = picture_.checksum();
    out_.done(format_duration(std::chrono::steady_clock::now() - start));
  }

  void write_json() {
    std::ofstream file(options_.json);
    if (!(file << as_json(found_)).flush()) throw std::runtime_error("cannot write " + options_.json.string());
  }

  const options& options_;
  picture_size size_;
  workload_options work_;
  weft::cli::signal_watch signals_;
  scratch_folder scratch_;
  sandbox box_;
  progress out_;
  weft::wasm::engine engine_;
  std::unique_ptr<programs> guests_;
  corpus files_;
  std::vector<job> jobs_;
  std::vector<std::vector<guest_result>> results_;
  std::vector<picture> pictures_;
  picture picture_{size_};
  findings found_;
};

int run(const options& o) {
  try {
    demonstration(o).run();
    return 0;
  } catch (const interrupted& by) {
    std::fprintf(stderr, "weft-demo: ended by %s\n", strsignal(by.signal));
    return 128 + by.signal;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weft-demo: %s\n", e.what());
    return 1;
  }
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  demo::options options;
  CLI::App app(
      "Runs 64 WebAssembly guests over all cores beside an echo server under load and a 1 ms ticker, and checks "
      "everything.",
      "weft-demo");
  demo::define(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  demo::fill_in_defaults(options);
  return demo::run(options);
}
