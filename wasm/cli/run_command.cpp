#include <weft/wasm/cli/run_command.hpp>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/io/engine_choice.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/wasm/cli/copies.hpp>
#include <weft/wasm/cli/exit_code.hpp>
#include <weft/wasm/cli/flag_value.hpp>
#include <weft/wasm/cli/listeners.hpp>
#include <weft/wasm/cli/log.hpp>
#include <weft/wasm/cli/quantity.hpp>
#include <weft/wasm/cli/report.hpp>
#include <weft/wasm/cli/signals.hpp>
#include <weft/wasm/cli/table.hpp>
#include <weft/wasm/cli/usage_error.hpp>
#include <weft/wasm/engine.hpp>

namespace weft::cli {
namespace {

constexpr const char* explanation = R"(MODULE follows the flags; what follows it is the guest's own.

Examples:
  weft run hello.wasm
  weft run --dir . app.wasm --width 640              the guest sees this directory, and a flag of its own
  weft run --dir /srv/in::/in:ro --env LANG=C app.wasm
  weft run --copies 64 --stats tile.wasm             64 instances at once over all cores
  weft run --timeout 10s --memory 64M --max-output 1M untrusted.wasm
  weft run --invoke add library.wasm 2 3             call a function; its results are printed
  weft run --preload math=math.wasm app.wasm         what app.wasm imports from "math"
  weft run --listen 127.0.0.1:8080 server.wasm       the guest finds the socket as descriptor 3
  weft run --profile guest,app.json app.wasm         open app.json in profiler.firefox.com
  weft run --copies 8 --trace out.json app.wasm      open out.json in ui.perfetto.dev
  cat data | weft run filter.wasm > result

The exit code is the guest's; 134 if it trapped, 124 after --timeout, 130 after Ctrl-C, 2 if the flags
or the module cannot be used, 125 if weft itself failed.)";

// What the parser does not know: that a module and arguments follow the flags.
class run_help : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: weft run [FLAGS] MODULE [ARGUMENT...]\n";
  }
};

bool is_flag(const std::string& argument) { return argument.size() > 1 && argument.front() == '-'; }

void check_directories(const run_options& options) {
  for (const directory_grant& d : options.directories) {
    std::error_code error;
    const auto status = std::filesystem::status(d.host, error);
    if (!std::filesystem::exists(status)) {
      throw usage_error("--dir: cannot use '" + d.host + "': " + std::strerror(error ? error.value() : ENOENT));
    }
    if (!std::filesystem::is_directory(status)) {
      throw usage_error("--dir: '" + d.host + "' is not a directory: grant the directory that holds it");
    }
  }
}

// Before anything runs; the file stays as it is.
void check_writable(const char* flag, const std::string& path) {
  if (path.empty()) return;
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) throw usage_error(std::string(flag) + ": cannot write '" + path + "': " + std::strerror(errno));
  std::fclose(file);
}

const char* name_of(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

// Why the run was cut short, if it was, and the exit code that says so.
int judge(const copies_result& result, const run_options& options, int signal) {
  if (signal != 0) {
    std::fprintf(stderr, "weft: ended by %s\n", name_of(signal));
    return exit_code::signal_base + signal;
  }
  if (result.timed_out) {
    std::fprintf(stderr, "weft: %s ended after %s: the limit of --timeout\n", options.module.c_str(),
                 format_duration(*options.timeout).c_str());
    return exit_code::timed_out;
  }
  return result.exit_code();
}

void check_exports(const wasm::module& module, const run_options& options) {
  const std::string& wanted = options.function.empty() ? "_start" : options.function;
  const std::vector<wasm::module_item> exports = module.exports();
  const bool found = std::any_of(exports.begin(), exports.end(), [&](const wasm::module_item& e) {
    return e.name == wanted && e.kind.find(':') != std::string::npos;
  });
  if (found) return;
  if (!options.function.empty())
    throw usage_error("--invoke: '" + module.name() + "' exports no function " + wanted + "; weft inspect lists them");
  throw usage_error(
      "'" + module.name() +
      "' is a library, not a program: it exports no function _start; --invoke calls one of its functions");
}

bool is_native_code(const std::string& file) {
  std::array<char, 4> magic{};
  std::ifstream(file, std::ios::binary).read(magic.data(), magic.size());
  return magic == std::array<char, 4>{'\x7f', 'E', 'L', 'F'};
}

// Modules are loaded one after the other, so what has been counted since is of this one.
std::string_view origin_of(const wasm::engine_statistics& before, const wasm::engine_statistics& now) {
  if (now.cache_hits != before.cache_hits) return "from the cache";
  return now.modules_compiled != before.modules_compiled ? "compiled" : "loaded before";
}

void log_load(const wasm::engine& engine, const wasm::engine_statistics& before, const std::string& file,
              std::chrono::steady_clock::time_point start) {
  spdlog::debug("module {}: ready after {}, {}", file, format_duration(std::chrono::steady_clock::now() - start),
                origin_of(before, engine.statistics()));
}

// None if it has to be compiled, or cannot be read without waiting.
std::optional<wasm::module> load_if_compiled(wasm::engine& engine, const std::string& file, bool precompiled) {
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(file, unknown)) return std::nullopt;
  const auto start = std::chrono::steady_clock::now();
  const wasm::engine_statistics before = engine.statistics();
  try {
    if (precompiled && is_native_code(file)) return engine.load_precompiled(file);
    std::optional<wasm::module> module = engine.load_if_compiled(file);
    if (module) log_load(engine, before, file, start);
    return module;
  } catch (const std::system_error& e) {
    throw usage_error(e.what());
  }
}

wasm::module load(wasm::engine& engine, const std::string& file, bool precompiled) {
  const auto start = std::chrono::steady_clock::now();
  const wasm::engine_statistics before = engine.statistics();
  try {
    if (precompiled && is_native_code(file)) return engine.load_precompiled(file);
    wasm::module module = engine.load(file);
    log_load(engine, before, file, start);
    return module;
  } catch (const std::system_error& e) {
    throw usage_error(e.what());
  }
}

// The module, then what it imports from.
std::vector<std::string> files_of(const run_options& options) {
  std::vector<std::string> files{options.module};
  for (const preload& p : options.preloads) files.push_back(p.file);
  return files;
}

// Those of the first files that are compiled already. They are ready before threads for them would be.
std::vector<wasm::module> load_compiled(wasm::engine& engine, const run_options& options) {
  std::vector<wasm::module> modules;
  for (const std::string& file : files_of(options)) {
    std::optional<wasm::module> module = load_if_compiled(engine, file, options.precompiled);
    if (!module) break;
    modules.push_back(std::move(*module));
    if (modules.size() == 1) check_exports(modules.front(), options);
  }
  return modules;
}

copy_plan load_all(wasm::engine& engine, const run_options& options, std::vector<wasm::module> modules,
                   const listeners& sockets) {
  const std::vector<std::string> files = files_of(options);
  while (modules.size() < files.size()) {
    modules.push_back(load(engine, files[modules.size()], options.precompiled));
    if (modules.size() == 1) check_exports(modules.front(), options);
  }
  copy_plan plan{modules.front(), {}, sockets.descriptors()};
  for (std::size_t i = 0; i < options.preloads.size(); ++i) {
    plan.preloads.emplace_back(options.preloads[i].name, std::move(modules[i + 1]));
  }
  return plan;
}

// A guest computes on one worker at a time. Only several keep several busy, and with the functions of the module "weft" one can become several.
unsigned workers_for(const run_options& options, const std::vector<wasm::module>& loaded) {
  if (options.workers != 0 || options.copies != 1 || loaded.size() != files_of(options).size()) return options.workers;
  const bool may_spawn = std::any_of(loaded.begin(), loaded.end(), [](const wasm::module& module) {
    const std::vector<wasm::module_item> imports = module.imports();
    return std::any_of(imports.begin(), imports.end(), [](const auto& import) { return import.module == "weft"; });
  });
  return may_spawn ? 0 : 1;
}

// Everything that takes long, so that a signal ends it: under a group which the signal cancels.
copies_result load_and_run(wasm::engine& engine, const run_options& options, std::vector<wasm::module> loaded,
                           signal_watch& signals) {
  copies_result result;
  const listeners sockets(options.listeners);
  group everything("weft run");
  const signal_watch::handler on_signal(signals, [&everything] { everything.cancel(); });
  std::exception_ptr error;
  everything.spawn([&] {
    try {
      run_copies(load_all(engine, options, std::move(loaded), sockets), options, result);
    } catch (const std::exception&) {
      error = std::current_exception();
    }
  });
  everything.join();
  if (error) std::rethrow_exception(error);
  return result;
}

wasm::engine_options engine_options_of(const run_options& options) {
  wasm::engine_options result = options.engine;
  result.perf_map = options.profile.what == profile_request::kind::perf;
  // A pool pays for itself from the second guest on, and each place in it takes some microseconds to make.
  const std::size_t instances = options.copies * (1 + options.preloads.size());
  if (instances == 1) result.memory = wasm::allocation::on_demand;
  result.pool_size = static_cast<unsigned>(std::min<std::size_t>(instances, result.pool_size));
  return result;
}

// All that is left would only be freed, thread by thread and mapping by mapping, which takes longer than many a guest runs.
[[noreturn]] void end_process(int exit_code) {
  std::fflush(nullptr);
  spdlog::shutdown();
  std::_Exit(exit_code);
}

// What went wrong; the exit code.
int tell(const copies_result& result, const run_options& options, const signal_watch& signals) {
  std::fputs(failures_text(result).c_str(), stderr);
  return judge(result, options, signals.received());
}

// Loads and runs. Throws what cannot be answered by a guest's exit code.
int run_module(const run_options& options) {
  wasm::engine engine(engine_options_of(options));
  spdlog::info("guests' memory: {}", engine.memory_note());
  std::vector<wasm::module> loaded = load_compiled(engine, options);
  signal_watch signals;  // before the runtime's threads, which inherit what it blocks
  runtime rt({.workers = workers_for(options, loaded), .trace = options.trace});
  const io::engine_choice choice = io::last_engine_choice();
  spdlog::info("I/O engine: {}: {}", choice.engine, choice.reason);
  const bool is_measured = options.statistics || options.json || !options.trace.empty();
  run_report report;
  report.result = rt.run([&] {
    copies_result result = load_and_run(engine, options, std::move(loaded), signals);
    // Nobody asks what the runtime did: then the end need not be told to another thread first.
    if (!is_measured) end_process(tell(result, options, signals));
    return result;
  });
  report.exit_code = tell(report.result, options, signals);
  if (options.statistics || options.json) report.runtime = rt.statistics();
  if (options.statistics) std::fputs(statistics_table(report, wants_colour(STDERR_FILENO)).c_str(), stderr);
  if (options.json) std::fputs(json_line(report).c_str(), stderr);
  if (options.trace.empty()) end_process(report.exit_code);
  return report.exit_code;  // the trace is written when the runtime ends
}

}  // namespace

run_command::run_command(CLI::App& program) : command(program, "run", "Run a WebAssembly program (WASI preview 1)") {
  app().formatter(std::make_shared<run_help>());
  app().footer(explanation);
  const auto repeatable = [this](const char* flag, std::vector<std::string>& values, const char* value,
                                 const char* help) {
    app().add_option(flag, values, help)->type_name(value)->allow_extra_args(false);
  };
  const auto single = [this](const char* flag, std::string& into, const char* value, const char* help) {
    app().add_option(flag, into, help)->type_name(value);
  };
  repeatable("--dir", raw_.directories, "HOST[::GUEST][:ro]", "Let the guest use this directory and what is in it");
  repeatable("--env", raw_.environment, "NAME[=VALUE]", "Set a variable of the guest's environment, or pass ours on");
  single("--copies", raw_.copies, "N", "Run this many instances at once (default 1)");
  single("--workers", raw_.workers, "N",
         "Run on this many threads (default: the CPUs this process may use; 1 for one guest)");
  single("--timeout", raw_.timeout, "TIME", "End the guest after this time: 10s, 500ms, 2m");
  limits_.add_to(app());
  engine_.add_to(app());
  app().add_flag("--allow-precompiled", options_.precompiled,
                 "MODULE may come from weft compile: it is native code, so trust whoever made it");
  single("--invoke", options_.function, "NAME", "Call this function with the arguments, and print its results");
  repeatable("--preload", raw_.preloads, "NAME=FILE", "What MODULE imports from NAME is exported by this module");
  repeatable("--listen", options_.listeners, "ADDRESS", "Open a socket for the guest, or pass on one by its number");
  single("--coredump", options_.core_dump, "FILE", "Where a guest that traps leaves its stack and memory");
  single("--profile", raw_.profile, "KIND", "perf: names for perf(1); guest[,FILE]: a profile for Firefox's profiler");
  single("--trace", options_.trace, "FILE",
         "Record what each worker runs when, for ui.perfetto.dev or chrome://tracing");
  single("--log", log_level_, "LEVEL",
         "Log this and worse: trace, debug, info, warn, error, off (default: $WEFT_LOG, else warn)");
  app().add_flag("--stats", options_.statistics, "Print a table of what it took on standard error");
  app().add_flag("--json", options_.json, "Print the same as a line of JSON on standard error, last");
}

// The first argument from `from` on that is neither a flag nor a flag's value.
std::size_t run_command::skip_flags(const std::vector<std::string>& arguments, std::size_t from) const {
  std::size_t i = from;
  while (i < arguments.size() && is_flag(arguments[i]) && arguments[i] != "--") {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    const CLI::Option* option = std::as_const(app()).get_option_no_throw(name);
    const bool value_follows = option != nullptr && option->get_items_expected_max() > 0 && name == arguments[i];
    i += value_follows ? 2 : 1;
  }
  return std::min(i, arguments.size());
}

void run_command::take_foreign_part(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != app().get_name()) return;
  const std::size_t end = skip_flags(arguments, 1);
  std::size_t module = end;
  if (module < arguments.size() && arguments[module] == "--") ++module;
  if (module < arguments.size()) {
    options_.module = arguments[module];
    options_.arguments.assign(arguments.begin() + static_cast<std::ptrdiff_t>(module) + 1, arguments.end());
  }
  arguments.resize(end);
}

void run_command::read_flags() {
  if (options_.module.empty()) throw usage_error("run: no module given; for example: weft run hello.wasm");
  for (const std::string& text : raw_.directories) {
    options_.directories.push_back(read_value("--dir", text, parse_directory));
  }
  for (const std::string& text : raw_.environment) {
    options_.environment.push_back(read_value("--env", text, parse_environment));
  }
  for (const std::string& text : raw_.preloads) {
    options_.preloads.push_back(read_value("--preload", text, parse_preload));
  }
  const auto number = [](unsigned least, unsigned most) {
    return [=](std::string_view text) { return parse_number(text, least, most); };
  };
  read_if_given("--copies", raw_.copies, options_.copies, number(1, 1'000'000));
  read_if_given("--workers", raw_.workers, options_.workers, number(1, 256));
  read_if_given("--timeout", raw_.timeout, options_.timeout, parse_duration);
  read_if_given("--profile", raw_.profile, options_.profile, parse_profile);
  options_.limits = limits_.read();
  options_.engine = engine_.read();
  check_directories(options_);
  check_writable("--trace", options_.trace);
  check_writable("--coredump", options_.core_dump);
  check_writable("--profile", options_.profile.file);
}

int run_command::execute() {
  read_flags();
  read_value("--log", log_level_, [](const std::string& level) { start_log(level); });
  return run_module(options_);
}

}  // namespace weft::cli
