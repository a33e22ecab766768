#include <weft/wasm/cli/compile_command.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include <weft/wasm/cli/usage_error.hpp>
#include <weft/wasm/detail/files.hpp>
#include <weft/wasm/engine.hpp>

namespace weft::cli {
namespace {

constexpr const char* explanation = R"(Examples:
  weft compile app.wasm                    makes app.cwasm
  weft compile --compiler winch app.wasm -o fast.cwasm
  weft run --allow-precompiled app.cwasm

What it makes fits this version of weft, this kind of processor, and the same --compiler and --stack.)";

std::vector<std::byte> read_module(const std::string& file) {
  try {
    return wasm::detail::read_whole(file);
  } catch (const std::system_error& e) {
    throw usage_error(e.what());
  }
}

// Whole or not at all: a file of that name is replaced only when the new one is complete.
void write_code(const std::filesystem::path& path, const std::vector<std::byte>& code) {
  std::filesystem::path unfinished = path;
  unfinished += ".part";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(code.data()), static_cast<std::streamsize>(code.size()));
  file.close();
  std::error_code failed;
  if (file) std::filesystem::rename(unfinished, path, failed);
  if (file && !failed) return;
  const std::error_code why = failed ? failed : std::error_code(errno, std::generic_category());
  std::filesystem::remove(unfinished, failed);
  throw usage_error("compile: cannot write '" + path.string() + "': " + why.message());
}

}  // namespace

compile_command::compile_command(CLI::App& program)
    : command(program, "compile", "Compile a module to native code, for weft run --allow-precompiled") {
  app().footer(explanation);
  app().add_option("MODULE", module_, "The .wasm file")->required();
  app()
      .add_option("-o,--output", output_, "Where to put it (default: MODULE with .cwasm instead of .wasm)")
      ->type_name("FILE");
  engine_.add_to(app());
}

int compile_command::execute() {
  wasm::engine_options options = engine_.read();
  options.cache_directory = std::filesystem::path();
  const std::filesystem::path module(module_);
  const std::vector<std::byte> bytes = read_module(module_);
  wasm::engine engine(std::move(options));
  const std::vector<std::byte> code = engine.precompile(bytes, module.filename().string());
  std::filesystem::path output = output_.empty() ? module : std::filesystem::path(output_);
  if (output_.empty()) output.replace_extension(".cwasm");
  write_code(output, code);
  return 0;
}

}  // namespace weft::cli
