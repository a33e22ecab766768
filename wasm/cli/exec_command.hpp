// `weft exec`: runs an ordinary program with its threads as fibers.
#pragma once

#include <string>
#include <vector>

#include <weft/wasm/cli/command.hpp>

namespace weft::cli {

class exec_command : public command {
 public:
  // Adds the command to the program's; parsing fills in what it was given.
  explicit exec_command(CLI::App& program);

  // The program to run and all that follows it.
  void take_foreign_part(std::vector<std::string>& arguments) override;

  // Becomes the program, and so returns only by an exception: usage_error for flags, and for programs whose threads cannot be fibers.
  int execute() override;

 private:
  std::vector<std::string> program_;
  std::string workers_, io_, audit_;
};

}  // namespace weft::cli
