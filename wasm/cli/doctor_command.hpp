// `weft doctor`: what of this machine matters to weft, with causes and remedies.
#pragma once

#include <weft/wasm/cli/command.hpp>

namespace weft::cli {

class doctor_command : public command {
 public:
  explicit doctor_command(CLI::App& program);

  // Prints to standard output; returns the exit code: 0, or 1 if something will not work.
  int execute() override;

 private:
  bool json_ = false;
};

}  // namespace weft::cli
