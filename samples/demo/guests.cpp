#include "guests.hpp"

#include <system_error>
#include <utility>

#include <weft/wasm/guest.hpp>

namespace demo {
namespace {

namespace fs = std::filesystem;

struct build_product {
  const char* file;  // without ".wasm"
  const char* source;
  const char* language;
};

program load(weft::wasm::engine& engine, const fs::path& folder, const build_product& product) {
  return {product.source, product.language, engine.load(folder / (std::string(product.file) + ".wasm"))};
}

}  // namespace

programs load_programs(weft::wasm::engine& engine, const fs::path& folder) {
  programs result{load(engine, folder, {"mandelbrot", "mandelbrot.c", "C"}),
                  load(engine, folder, {"sieve", "sieve.cpp", "C++"}),
                  load(engine, folder, {"hashfiles", "hashfiles.c", "C"}),
                  load(engine, folder, {"sleeper", "sleeper.c", "C"}),
                  load(engine, folder, {"hog", "hog.c", "C"}),
                  {}};
  constexpr build_product others[] = {{"mandelbrot_as", "mandelbrot.ts", "AssemblyScript"},
                                      {"primes_go", "primes.go", "Go"},
                                      {"hashfiles_go", "hashfiles.go", "Go"}};
  for (const build_product& other : others) {
    if (fs::exists(folder / (std::string(other.file) + ".wasm")))
      result.others.emplace(other.source, load(engine, folder, other));
  }
  return result;
}

guest_result run_guest(const program& p, const std::vector<std::string>& arguments, const sandbox& box) {
  guest_result result;
  weft::wasm::guest guest(p.module, {.arguments = arguments,
                                     .directories = {{box.sources, "/sources", weft::wasm::access::read},
                                                     {box.data, "/data", weft::wasm::access::read},
                                                     {box.tiles, tiles_in_guest, weft::wasm::access::read_write}},
                                     .output = weft::wasm::stdio::capture(result.output),
                                     .error = weft::wasm::stdio::capture(result.errors)});
  result.exit_code = guest.run();
  return result;
}

}  // namespace demo
