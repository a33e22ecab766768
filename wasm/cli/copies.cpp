#include <weft/wasm/cli/copies.hpp>

#include <exception>

#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/wasm/cli/exit_code.hpp>
#include <weft/wasm/guest.hpp>

namespace weft::cli {
namespace {

wasm::guest_options options_of_copy(const run_options& options, unsigned number) {
  wasm::guest_options result;
  result.arguments = options.arguments;
  result.environment = options.environment;
  for (const directory_grant& d : options.directories) {
    result.directories.push_back({d.host, d.guest, d.writable ? wasm::access::read_write : wasm::access::read});
  }
  result.limits.memory = options.memory.value_or(0);
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

copy_result run_copy(const wasm::module& module, const run_options& options, unsigned number) {
  copy_result result;
  wasm::guest guest(module, options_of_copy(options, number));
  try {
    result.exit_code = guest.run();
    result.how = ending::exited;
  } catch (const wasm::trap& t) {
    result = {ending::trapped, exit_code::trapped, t.what()};
  } catch (const wasm::module_error& e) {
    result = {ending::failed, exit_code::usage, e.what()};
  } catch (const std::exception& e) {
    result = {ending::failed, exit_code::host_failed, e.what()};
  }
  result.peak_memory = guest.statistics().peak_memory;
  return result;
}

// Under a group of their own, which a signal cancels.
void run_all(const wasm::module& module, const run_options& options, signal_watch& signals,
             std::vector<copy_result>& results) {
  group copies("copies");
  const signal_watch::handler on_signal(signals, [&copies] { copies.cancel(); });
  for (unsigned i = 0; i < options.copies; ++i) {
    copies.spawn([&, i] { results[i] = run_copy(module, options, i); }, {.name = "guest"});
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

copies_result run_copies(const wasm::module& module, const run_options& options, signal_watch& signals) {
  static_cast<void>(wasm::guest(module, options_of_copy(options, 0)));  // what is wrong with the module is said once
  copies_result result;
  result.copies.resize(options.copies);
  const auto start = std::chrono::steady_clock::now();
  try {
    if (options.timeout) {
      with_deadline(*options.timeout, [&] { run_all(module, options, signals, result.copies); });
    } else {
      run_all(module, options, signals, result.copies);
    }
  } catch (const timeout_error&) {
    result.timed_out = true;
  }
  result.duration = std::chrono::steady_clock::now() - start;
  return result;
}

}  // namespace weft::cli
