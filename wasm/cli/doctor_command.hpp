// `weft doctor`: what of this machine matters to weft, with causes and remedies.
#pragma once

#include <CLI/CLI.hpp>

namespace weft::cli {

class doctor_command {
 public:
  explicit doctor_command(CLI::App& program);

  [[nodiscard]] bool chosen() const { return command_->parsed(); }

  // Prints to standard output; returns the exit code: 0, or 1 if something will not work.
  [[nodiscard]] int execute() const;

 private:
  CLI::App* command_;
  bool json_ = false;
};

}  // namespace weft::cli
