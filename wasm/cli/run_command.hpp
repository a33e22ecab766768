// `weft run`: runs a WebAssembly program.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <weft/wasm/cli/command.hpp>
#include <weft/wasm/cli/engine_flags.hpp>
#include <weft/wasm/cli/limit_flags.hpp>
#include <weft/wasm/cli/run_options.hpp>

namespace weft::cli {

class run_command : public command {
 public:
  // Adds the command to the program's; parsing fills in what it was given.
  explicit run_command(CLI::App& program);
  // The module and all that follows it.
  void take_foreign_part(std::vector<std::string>& arguments) override;
  int execute() override;

 private:
  // The flags as they were given.
  struct raw_flags {
    std::vector<std::string> directories, environment, preloads;
    std::string copies, workers, timeout, profile;
  };

  [[nodiscard]] std::size_t skip_flags(const std::vector<std::string>& arguments, std::size_t from) const;
  void read_flags();

  raw_flags raw_;
  limit_flags limits_;
  engine_flags engine_;
  std::string log_level_;
  run_options options_;
};

}  // namespace weft::cli
