// `weft exec`: runs an ordinary program with its threads as fibers.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace weft::cli {

class exec_command {
 public:
  // Adds the command to the program's; parsing fills in what it was given.
  explicit exec_command(CLI::App& program);
  exec_command(const exec_command&) = delete;
  exec_command& operator=(const exec_command&) = delete;

  // Takes the program to run and all that follows it off the end of weft's own arguments. To be called before parsing; does nothing if the
  // arguments are another command's.
  void take_program_part(std::vector<std::string>& arguments);

  [[nodiscard]] bool chosen() const { return command_->parsed(); }

  // Becomes the program, and so returns only by an exception: usage_error for flags, and for programs whose threads cannot be fibers.
  int execute();

 private:
  CLI::App* command_;
  std::vector<std::string> program_;
  std::string workers_, io_;
};

}  // namespace weft::cli
