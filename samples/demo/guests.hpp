// The guests' compiled modules, and how the demo runs one.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <weft/wasm/engine.hpp>
#include <weft/wasm/module.hpp>

namespace demo {

// A guest that was compiled to wasm and loaded.
struct program {
  std::string name;      // of its source: "mandelbrot.c"
  std::string language;  // "C"
  weft::wasm::module module;
};

struct programs {
  program mandelbrot, sieve, hashfiles, sleeper, hog;
  std::map<std::string, program> others;  // by name: those of toolchains that not every machine has

  [[nodiscard]] const program* mandelbrot_as() const { return find("mandelbrot.ts"); }
  [[nodiscard]] const program* primes_go() const { return find("primes.go"); }
  [[nodiscard]] const program* hashfiles_go() const { return find("hashfiles.go"); }

 private:
  [[nodiscard]] const program* find(const char* name) const {
    const auto found = others.find(name);
    return found == others.end() ? nullptr : &found->second;
  }
};

// Loads the guests from the folder of their .wasm files. On a fiber; compiling the first time parks it. Throws
// std::runtime_error.
[[nodiscard]] programs load_programs(weft::wasm::engine& engine, const std::filesystem::path& folder);

struct guest_result {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

inline constexpr const char* tiles_in_guest = "/tiles";

// What guests may see of the machine.
struct sandbox {
  std::filesystem::path sources, data;  // to read
  std::filesystem::path tiles;          // to write
};

// Runs one guest to its end: ordinary blocking code. Parks; is cancelled with its group.
[[nodiscard]] guest_result run_guest(const program& p, const std::vector<std::string>& arguments, const sandbox& box);

}  // namespace demo
