// The flags that say how modules are compiled; the commands that compile have them in common, so that what one has
// compiled the other can use.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include <weft/wasm/engine.hpp>

namespace weft::cli {

class engine_flags {
 public:
  void add_to(CLI::App& command);

  // Throws usage_error.
  [[nodiscard]] wasm::engine_options read() const;

 private:
  std::string compiler_;
  std::string stack_;
};

}  // namespace weft::cli
