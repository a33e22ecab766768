// A WebAssembly guest from C++: load, grant, run, and see how it ends. A guest is called like any blocking function; while it
// waits or computes for long, others have the worker.
//
//   run_guest GUEST.wasm [ARGUMENT...]
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/wasm/wasm.hpp>

namespace {

using namespace std::chrono_literals;
using namespace weft::literals;

// What the guest printed, or why it did not get that far.
std::string run_and_describe(const weft::wasm::module& module, std::vector<std::string> arguments) {
  std::string output;
  weft::wasm::guest guest{
      module,
      {.arguments = std::move(arguments), .output = weft::wasm::stdio::capture(output), .limits = {.memory = 64_MiB}}};
  try {
    const int exit_code = weft::with_deadline(10s, [&] { return guest.run(); });
    return output + "exit code " + std::to_string(exit_code);
  } catch (const weft::wasm::trap& trap) {
    return output + trap.what();
  }
}

int run_all(const std::string& file, const std::vector<std::string>& arguments) {
  weft::wasm::engine engine;                            // one a process
  const weft::wasm::module module = engine.load(file);  // compiled once, kept on disk
  weft::group guests;
  std::vector<weft::task<std::string>> endings;
  for (int i = 0; i < 4; ++i) endings.push_back(guests.spawn([&] { return run_and_describe(module, arguments); }));
  for (weft::task<std::string>& ending : endings) std::puts(ending.get().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: run_guest GUEST.wasm [ARGUMENT...]\n", stderr);
    return 2;
  }
  try {
    return weft::run([&] { return run_all(argv[1], {argv + 2, argv + argc}); });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "run_guest: %s\n", e.what());
    return 1;
  }
}
