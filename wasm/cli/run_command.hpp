// `weft run`: runs a WebAssembly program.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <weft/wasm/cli/run_options.hpp>

namespace weft::cli {

class run_command {
 public:
  // Adds the command to the program's; parsing fills in what it was given.
  explicit run_command(CLI::App& program);
  run_command(const run_command&) = delete;
  run_command& operator=(const run_command&) = delete;

  // Takes the module and all that follows it off the end of weft's own arguments: the guest's flags are none of our parser's
  // business. To be called before parsing; does nothing if the arguments are another command's.
  void take_guest_part(std::vector<std::string>& arguments);

  [[nodiscard]] bool chosen() const { return command_->parsed(); }

  // Does it and returns the program's exit code. Throws usage_error for flags that make no sense, and whatever keeps weft
  // itself from going on.
  int execute();

 private:
  // The flags as they were given.
  struct raw_flags {
    std::vector<std::string> directories, environment;
    std::string copies, workers, timeout, memory;
  };

  [[nodiscard]] std::size_t skip_flags(const std::vector<std::string>& arguments, std::size_t from) const;
  void read_flags();

  CLI::App* command_;
  raw_flags raw_;
  std::string log_level_;
  run_options options_;
};

}  // namespace weft::cli
