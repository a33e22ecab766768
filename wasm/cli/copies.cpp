#include <weft/wasm/cli/copies.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>

#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/wasm/cli/exit_code.hpp>
#include <weft/wasm/guest.hpp>

namespace weft::cli {
namespace {

// Copies must not write over each other's files.
std::string file_of_copy(const std::string& file, const run_options& options, unsigned number) {
  return options.copies == 1 || file.empty() ? file : file + "." + std::to_string(number);
}

wasm::guest_options options_of_copy(const copy_plan& plan, const run_options& options, unsigned number) {
  wasm::guest_options result;
  if (options.function.empty()) result.arguments = options.arguments;
  result.environment = options.environment;
  for (const directory_grant& d : options.directories) {
    result.directories.push_back({d.host, d.guest, d.writable ? wasm::access::read_write : wasm::access::read});
  }
  result.limits = options.limits;
  result.sockets = plan.sockets;
  result.preloads = plan.preloads;
  result.measure_cpu_time = options.statistics || options.json;
  result.core_dump = file_of_copy(options.core_dump, options, number);
  if (options.profile.what == profile_request::kind::guest)
    result.profile = file_of_copy(options.profile.file, options, number);
  if (options.copies == 1) {
    result.input = wasm::stdio::inherit();
    return result;
  }
  // Input cannot be shared: the first copy gets it. Output is, by whole lines.
  result.environment.emplace_back("WEFT_COPY", std::to_string(number));
  if (number == 0) result.input = wasm::stdio::inherit();
  result.output = wasm::stdio::inherit_lines();
  result.error = wasm::stdio::inherit_lines();
  return result;
}

// Results in a line, after whatever the function printed itself.
void print(const std::vector<std::string>& results) {
  std::string line;
  for (const std::string& r : results) line += (line.empty() ? "" : " ") + r;
  if (!line.empty()) std::printf("%s\n", line.c_str());
}

int run_guest(wasm::guest& guest, const run_options& options) {
  if (options.function.empty()) return guest.run();
  const wasm::text_results results = guest.call_with_text(options.function, options.arguments);
  print(results.values);
  return results.exit_code;
}

void run_copy(const copy_plan& plan, const run_options& options, unsigned number, copy_result& result) {
  wasm::guest guest(plan.module, options_of_copy(plan, options, number));
  struct keep {
    const wasm::guest& from;
    wasm::guest_statistics& to;
    ~keep() { to = from.statistics(); }
  } const kept{guest, result.statistics};
  try {
    result.exit_code = run_guest(guest, options);
    result.how = ending::exited;
  } catch (const wasm::trap& t) {
    result = {ending::trapped, exit_code::trapped, t.what(), {}};
  } catch (const wasm::module_error& e) {
    result = {ending::failed, exit_code::usage, e.what(), {}};
  } catch (const std::invalid_argument& e) {  // an argument of --invoke
    result = {ending::failed, exit_code::usage, e.what(), {}};
  } catch (const std::exception& e) {
    result = {ending::failed, exit_code::host_failed, e.what(), {}};
  }
}

void run_all(const copy_plan& plan, const run_options& options, std::vector<copy_result>& results) {
  group copies("copies");
  for (unsigned i = 0; i < options.copies; ++i) {
    copies.spawn([&, i] { run_copy(plan, options, i, results[i]); }, {.name = "guest"});
  }
  copies.join();
}

}  // namespace

const char* to_string(ending e) noexcept {
  switch (e) {
    case ending::exited:
      return "exited";
    case ending::trapped:
      return "trapped";
    case ending::failed:
      return "failed";
    case ending::cancelled:
      break;
  }
  return "cancelled";
}

int copies_result::exit_code() const noexcept {
  for (const copy_result& copy : copies) {
    if (copy.exit_code != 0) return copy.exit_code;
  }
  return 0;
}

void run_copies(const copy_plan& plan, const run_options& options, copies_result& result) {
  // What is wrong with the module is said once.
  static_cast<void>(wasm::guest(plan.module, options_of_copy(plan, options, 0)));
  result.copies.resize(options.copies);
  struct stopwatch {
    std::chrono::nanoseconds& into;
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
    ~stopwatch() { into = std::chrono::steady_clock::now() - start; }
  } const timing{result.duration};
  try {
    if (options.timeout) {
      with_deadline(*options.timeout, [&] { run_all(plan, options, result.copies); });
    } else {
      run_all(plan, options, result.copies);
    }
  } catch (const timeout_error&) {
    result.timed_out = true;
  }
}

}  // namespace weft::cli
