#include <weft/wasm/cli/run_command.hpp>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/io/engine_choice.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/wasm/cli/copies.hpp>
#include <weft/wasm/cli/exit_code.hpp>
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
  weft run --timeout 10s --memory 64M untrusted.wasm
  weft run --copies 8 --trace out.json app.wasm      open out.json in ui.perfetto.dev
  cat data | weft run filter.wasm > result

The exit code is the guest's; 134 if it trapped, 124 after --timeout, 130 after Ctrl-C, 2 if the flags
or the module cannot be used, 125 if weft itself failed.)";

unsigned parse_number(std::string_view text, unsigned least, unsigned most) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    throw std::invalid_argument("'" + std::string(text) + "' is not a number from " + std::to_string(least) + " to " +
                                std::to_string(most));
  }
  return number;
}

// What the parser does not know: that a module and arguments follow the flags.
class run_help : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: weft run [FLAGS] MODULE [ARGUMENT...]\n";
  }
};

// Reads a flag's value; what is wrong with it is said with the flag's name.
template <class Parse>
auto read_value(const char* flag, const std::string& text, Parse&& parse) {
  try {
    return parse(text);
  } catch (const std::invalid_argument& e) {
    throw usage_error(std::string(flag) + ": " + e.what());
  }
}

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
void check_trace(const std::string& path) {
  if (path.empty()) return;
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) throw usage_error("--trace: cannot write '" + path + "': " + std::strerror(errno));
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

void check_program(const wasm::module& module) {
  const std::vector<wasm::module_item> exports = module.exports();
  const bool starts =
      std::any_of(exports.begin(), exports.end(), [](const wasm::module_item& e) { return e.name == "_start"; });
  if (!starts) throw usage_error("'" + module.name() + "' is a library, not a program: it exports no function _start");
}

wasm::module load(wasm::engine& engine, const std::string& file) {
  const auto start = std::chrono::steady_clock::now();
  try {
    wasm::module module = engine.load(file);
    spdlog::debug("module {}: ready after {}, {}", file, format_duration(std::chrono::steady_clock::now() - start),
                  engine.statistics().cache_hits > 0 ? "from the cache" : "compiled");
    check_program(module);
    return module;
  } catch (const std::system_error& e) {
    throw usage_error(e.what());
  }
}

// Loads and runs. Throws what cannot be answered by a guest's exit code.
int run_module(const run_options& options) {
  signal_watch signals;  // before the runtime's threads, which inherit what it blocks
  wasm::engine engine;
  spdlog::info("guests' memory: {}", engine.memory_note());
  runtime rt({.workers = options.workers, .trace = options.trace, .dump_on_sigquit = true});
  const io::engine_choice choice = io::last_engine_choice();
  spdlog::info("I/O engine: {}: {}", choice.engine, choice.reason);
  run_report report;
  report.result = rt.run([&] { return run_copies(load(engine, options.module), options, signals); });
  std::fputs(failures_text(report.result).c_str(), stderr);
  report.exit_code = judge(report.result, options, signals.received());
  report.runtime = rt.statistics();
  if (options.statistics) std::fputs(statistics_table(report, wants_colour(STDERR_FILENO)).c_str(), stderr);
  if (options.json) std::fputs(json_line(report).c_str(), stderr);
  return report.exit_code;
}

}  // namespace

run_command::run_command(CLI::App& program)
    : command_(program.add_subcommand("run", "Run a WebAssembly program (WASI preview 1)")) {
  command_->formatter(std::make_shared<run_help>());
  command_->footer(explanation);
  command_->set_help_flag("-h,--help", "Print this and exit");
  const auto repeatable = [this](const char* flag, std::vector<std::string>& values, const char* value,
                                 const char* help) {
    command_->add_option(flag, values, help)->type_name(value)->allow_extra_args(false);
  };
  const auto single = [this](const char* flag, std::string& into, const char* value, const char* help) {
    command_->add_option(flag, into, help)->type_name(value);
  };
  repeatable("--dir", raw_.directories, "HOST[::GUEST][:ro]", "Let the guest use this directory and what is in it");
  repeatable("--env", raw_.environment, "NAME[=VALUE]", "Set a variable of the guest's environment, or pass ours on");
  single("--copies", raw_.copies, "N", "Run this many instances at once (default 1)");
  single("--workers", raw_.workers, "N", "Run on this many threads (default: the CPUs this process may use)");
  single("--timeout", raw_.timeout, "TIME", "End the guest after this time: 10s, 500ms, 2m");
  single("--memory", raw_.memory, "SIZE", "Most memory that a copy may have: 64M, 1G");
  single("--trace", options_.trace, "FILE",
         "Record what each worker runs when, for ui.perfetto.dev or chrome://tracing");
  single("--log", log_level_, "LEVEL",
         "Log this and worse: trace, debug, info, warn, error, off (default: $WEFT_LOG, else warn)");
  command_->add_flag("--stats", options_.statistics, "Print a table of what it took on standard error");
  command_->add_flag("--json", options_.json, "Print the same as a line of JSON on standard error, last");
}

// The first argument from `from` on that is neither a flag nor a flag's value.
std::size_t run_command::skip_flags(const std::vector<std::string>& arguments, std::size_t from) const {
  std::size_t i = from;
  while (i < arguments.size() && is_flag(arguments[i]) && arguments[i] != "--") {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    const CLI::Option* option = std::as_const(*command_).get_option_no_throw(name);
    const bool value_follows = option != nullptr && option->get_items_expected_max() > 0 && name == arguments[i];
    i += value_follows ? 2 : 1;
  }
  return std::min(i, arguments.size());
}

void run_command::take_guest_part(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != command_->get_name()) return;
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
  const auto number = [](unsigned least, unsigned most) {
    return [=](std::string_view text) { return parse_number(text, least, most); };
  };
  if (!raw_.copies.empty()) options_.copies = read_value("--copies", raw_.copies, number(1, 1'000'000));
  if (!raw_.workers.empty()) options_.workers = read_value("--workers", raw_.workers, number(1, 256));
  if (!raw_.timeout.empty()) options_.timeout = read_value("--timeout", raw_.timeout, parse_duration);
  if (!raw_.memory.empty()) options_.memory = read_value("--memory", raw_.memory, parse_size);
  check_directories(options_);
  check_trace(options_.trace);
}

int run_command::execute() {
  read_flags();
  read_value("--log", log_level_, [](const std::string& level) { start_log(level); });
  return run_module(options_);
}

}  // namespace weft::cli
