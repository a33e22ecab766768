#include <weft/wasm/cli/engine_flags.hpp>

#include <stdexcept>

#include <weft/wasm/cli/flag_value.hpp>
#include <weft/wasm/cli/quantity.hpp>

namespace weft::cli {
namespace {

wasm::compiler parse_compiler(const std::string& text) {
  if (text == "cranelift") return wasm::compiler::cranelift;
  if (text == "winch") return wasm::compiler::winch;
  if (text == "pulley") return wasm::compiler::pulley;
  throw std::invalid_argument("'" + text + "' is not a compiler: use cranelift, winch or pulley");
}

}  // namespace

void engine_flags::add_to(CLI::App& command) {
  command
      .add_option(
          "--compiler", compiler_,
          "cranelift: fast code (default); winch: compiled fast; pulley: interpreted, for machines that forbid a JIT")
      ->type_name("NAME");
  command.add_option("--stack", stack_, "Stack for a guest's own code (default 512K)")->type_name("SIZE");
}

wasm::engine_options engine_flags::read() const {
  wasm::engine_options options;
  read_if_given("--compiler", compiler_, options.code, parse_compiler);
  read_if_given("--stack", stack_, options.stack_size, [](const std::string& text) {
    const std::uint64_t size = parse_size(text);
    if (size < (16U << 10) || size > (256U << 20)) {
      throw std::invalid_argument("'" + text + "' is not the size of a stack: give it from 16K to 256M");
    }
    return size;
  });
  return options;
}

}  // namespace weft::cli
