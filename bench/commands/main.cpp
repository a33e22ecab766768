// Guests by the command that runs them, as its users meet it: a process, from its start until it has been waited for.
//
// bench_commands PROGRAM WORKLOAD WORKERS SIZE | PROGRAM --list | PROGRAM --version
//
// PROGRAM is weft, wasmtime or node; its file's name says which. The processes may use the first WORKERS CPUs. This program is small and
// does not link weft, as a process's peak of memory, as wait4 tells it, is never less than that of the process which made it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "../harness/harness.hpp"
#include "../harness/leaf.hpp"
#include "../io/echo_load.hpp"

namespace {

namespace fs = std::filesystem;
using words = std::vector<std::string>;

words operator+(words left, const words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// ---------------------------------------------------------------------------------------------------- processes

struct outcome {
  double seconds;
  double peak_mb;
};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 1 << 16> part;
  ssize_t n = 0;
  while ((n = read(fd, part.data(), part.size())) > 0) text.append(part.data(), static_cast<std::size_t>(n));
  return text;
}

pid_t start(const words& command, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t id = -1;
  const int error = posix_spawnp(&id, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), command[0]);
  return id;
}

// Throws if it fails or does not print what is expected.
outcome run(const words& command, std::string_view expected) {
  int pipe[2];
  bench::require(pipe2(pipe, O_CLOEXEC) == 0, "no pipe");
  std::string output;
  int status = -1;
  rusage usage{};
  const double seconds = bench::seconds([&] {
    const pid_t id = start(command, pipe[1]);
    close(pipe[1]);
    output = read_all(pipe[0]);
    wait4(id, &status, 0, &usage);
  });
  close(pipe[0]);
  bench::require(status == 0, "the status of " + command[0]);
  bench::require(output == expected, "the output of " + command[0]);
  return {seconds, static_cast<double>(usage.ru_maxrss) / 1024};
}

// `count` processes, `workers` at a time: how long all take, and the most memory of one.
outcome run_many(const words& command, std::string_view expected, long count, unsigned workers) {
  std::atomic<long> left{count};
  std::vector<double> peaks(workers);
  std::exception_ptr error;
  const auto keep_running = [&](double& peak) {
    try {
      while (left-- > 0) peak = std::max(peak, run(command, expected).peak_mb);
    } catch (...) {
      if (left.exchange(0) > 0) error = std::current_exception();
    }
  };
  const double seconds = bench::seconds([&] {
    std::vector<std::jthread> threads;
    for (double& peak : peaks) threads.emplace_back(keep_running, std::ref(peak));
  });
  if (error) std::rethrow_exception(error);
  return {seconds, *std::ranges::max_element(peaks)};
}

// ---------------------------------------------------------------------------------------------------- programs

// Where a program keeps what it compiles; goes when the measurement ends.
class scratch_folder {
 public:
  scratch_folder() : path_(fs::temp_directory_path() / "weft-bench-commands-XXXXXX") {
    std::string name = path_;
    bench::require(mkdtemp(name.data()) != nullptr, "no temporary folder");
    path_ = name;
  }
  ~scratch_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] fs::path operator/(std::string_view name) const { return path_ / name; }

 private:
  fs::path path_;
};

// One of the programs, and what is said to it. Where words are empty, it does not have such a thing.
struct program {
  words run;             // and a module; compiles it, or takes what is kept
  words run_forgetting;  // the same without what is kept
  words compile;         // and a file for the native code, and a module
  words run_native;      // and that file
  words copies;          // after `run` and a number: so many instances in one process
};

program weft(const std::string& path) {
  const words run{path, "run"};
  return {.run = run,
          .run_forgetting = run,  // it always keeps: the cache is emptied between
          .compile = {path, "compile", "-o"},
          .run_native = run + words{"--allow-precompiled"},
          .copies = {"--copies"}};
}

program wasmtime(const std::string& path, const scratch_folder& folder) {
  const fs::path settings = folder / "cache.toml";
  std::ofstream(settings) << "[cache]\ndirectory = \"" << (folder / "cache").string() << "\"\n";
  const words run{path, "run"};
  return {.run = run + words{"-C", "cache=y,cache-config=" + settings.string()},
          .run_forgetting = run + words{"-C", "cache=n"},
          .compile = {path, "compile", "-o"},
          .run_native = run + words{"--allow-precompiled"},
          .copies = {}};
}

program node(const std::string& path) {
  const words run{path, "--no-warnings", WEFT_BENCH_WASI};
  return {.run = {}, .run_forgetting = run, .compile = {}, .run_native = {}, .copies = {}};
}

program program_at(const std::string& path, const scratch_folder& folder) {
  const std::string name = fs::path(path).filename();
  setenv("WEFT_CACHE_DIR", (folder / "cache").c_str(), 1);
  if (name == "weft") return weft(path);
  if (name == "wasmtime") return wasmtime(path, folder);
  if (name == "node") return node(path);
  throw std::invalid_argument("'" + path + "' is neither weft nor wasmtime nor node");
}

// ---------------------------------------------------------------------------------------------------- workloads

constexpr std::string_view greeting = "hello from a guest\n";
constexpr long copies_that_compute = 64;
constexpr long processes_in_a_sample = 25;  // of so many short guests one, where each is a process

struct measurement {
  const program& by;
  const scratch_folder& folder;
  std::string module;
  unsigned workers;
  long size;

  void forget() const { fs::remove_all(folder / "cache"); }
  // What runs the module's native code, or the module where the program has no such thing.
  [[nodiscard]] words native() const {
    if (by.compile.empty()) return by.run_forgetting + words{module};
    const std::string code = folder / "native.cwasm";
    run(by.compile + words{code, module}, "");
    return by.run_native + words{code};
  }
};

// The median of some runs; the most memory that one took.
template <class F>
outcome median_of(long runs, F once) {
  std::vector<double> times;
  double peak = 0;
  for (long i = 0; i < runs; ++i) {
    const outcome o = once();
    times.push_back(o.seconds);
    peak = std::max(peak, o.peak_mb);
  }
  const auto middle = times.begin() + runs / 2;
  std::nth_element(times.begin(), middle, times.end());
  return {*middle, peak};
}

outcome uncached(const measurement& m) {
  const words command = m.by.run_forgetting + words{m.module};
  return median_of(m.size, [&] {
    m.forget();
    return run(command, greeting);
  });
}

outcome cached(const measurement& m) {
  const words command = m.by.run + words{m.module};
  run(command, greeting);
  bench::require(!fs::is_empty(m.folder / "cache"), "nothing is kept");
  return median_of(m.size, [&] { return run(command, greeting); });
}

outcome precompiled(const measurement& m) {
  const words command = m.native();
  return median_of(m.size, [&] { return run(command, greeting); });
}

std::string picture(long size) { return std::to_string(bench::mandelbrot_rows(size, 0, size)) + "\n"; }

outcome compute(const measurement& m) {
  const std::string expected = picture(m.size);
  return run(m.native() + words{std::to_string(m.size)}, expected);
}

std::string repeated(std::string_view text, long times) {
  std::string all;
  for (long i = 0; i < times; ++i) all += text;
  return all;
}

// `run` ends with the module; flags stand before it.
words with_copies(const measurement& m, words run, long count) {
  const words flags = m.by.copies + words{std::to_string(count)};
  run.insert(run.end() - 1, flags.begin(), flags.end());
  return run;
}

outcome compute_64(const measurement& m) {
  const std::string expected = picture(m.size);
  const words command = m.native();
  const words argument{std::to_string(m.size)};
  if (m.by.copies.empty()) return run_many(command + argument, expected, copies_that_compute, m.workers);
  return run(with_copies(m, command, copies_that_compute) + argument, repeated(expected, copies_that_compute));
}

// A guest: with the module's code kept, as all of them but the first find it.
outcome short_commands(const measurement& m) {
  const words command = m.by.run + words{m.module};
  run(command, greeting);
  const long count = m.by.copies.empty() ? m.size / processes_in_a_sample + 1 : m.size;
  outcome all = m.by.copies.empty() ? run_many(command, greeting, count, m.workers)
                                    : run(with_copies(m, command, count), repeated(greeting, count));
  all.seconds /= static_cast<double>(count);
  return all;
}

struct workload {
  std::string_view name;
  std::string_view unit;
  double units_a_second;
  std::string_view module;
  words program::* needed;
  outcome (*run)(const measurement&);
};

constexpr std::array workloads{
    workload{"hello_c", "ms", 1e3, "hello.wasm", &program::run_forgetting, &uncached},
    workload{"hello_c_cached", "ms", 1e3, "hello.wasm", &program::run, &cached},
    workload{"hello_c_precompiled", "ms", 1e3, "hello.wasm", &program::run_native, &precompiled},
    workload{"hello_go", "ms", 1e3, "hello_go.wasm", &program::run_forgetting, &uncached},
    workload{"hello_go_cached", "ms", 1e3, "hello_go.wasm", &program::run, &cached},
    workload{"hello_go_precompiled", "ms", 1e3, "hello_go.wasm", &program::run_native, &precompiled},
    workload{"compute", "s", 1, "compute.wasm", &program::run_forgetting, &compute},
    workload{"compute_64", "s", 1, "compute.wasm", &program::run_forgetting, &compute_64},
    workload{"short_commands", "us", 1e6, "hello.wasm", &program::run, &short_commands},
};

fs::path module_of(const workload& w) { return fs::path(WEFT_BENCH_MODULES) / w.module; }

int list(const program& p) {
  for (const workload& w : workloads) {
    if (!(p.*w.needed).empty() && fs::exists(module_of(w))) std::puts(std::string(w.name).c_str());
  }
  return 0;
}

// The number in what the program says of itself.
int print_version(const std::string& path) {
  const std::string command = "'" + path + "' --version";
  std::FILE* out = popen(command.c_str(), "r");
  bench::require(out != nullptr, "no shell");
  const std::string text = read_all(fileno(out));
  bench::require(pclose(out) == 0, path + " --version fails");
  const std::size_t begin = text.find_first_of("0123456789");
  bench::require(begin != std::string::npos, path + " --version says no number");
  std::puts(text.substr(begin, text.find_first_of(" \n", begin) - begin).c_str());
  return 0;
}

int measure(const program& p, const scratch_folder& folder, std::string_view name, unsigned workers, long size) {
  const auto w = std::ranges::find(workloads, name, &workload::name);
  bench::require(w != workloads.end(), "no such workload; see --list");
  bench::use_first_cpus(workers);
  const outcome o = w->run({p, folder, module_of(*w), workers, size});
  std::printf(R"({"workload": "%s", "unit": "%s", "value": %.9g, "peak_rss_mb": %.1f})"
              "\n",
              std::string(name).c_str(), std::string(w->unit).c_str(), o.seconds * w->units_a_second, o.peak_mb);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const words given(argv + 1, argv + argc);
    bench::require(given.size() == 2 || given.size() == 4,
                   "PROGRAM WORKLOAD WORKERS SIZE | PROGRAM --list | PROGRAM --version");
    const scratch_folder folder;
    const program p = program_at(given[0], folder);
    if (given[1] == "--list") return list(p);
    if (given[1] == "--version") return print_version(given[0]);
    bench::require(given.size() == 4, "the number of arguments");
    return measure(p, folder, given[1], static_cast<unsigned>(std::max(1, std::atoi(given[2].c_str()))),
                   std::max(1L, std::atol(given[3].c_str())));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_commands: %s\n", e.what());
    return 1;
  }
}
