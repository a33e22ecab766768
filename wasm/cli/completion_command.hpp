// `weft completion`: a script that teaches the shell weft's commands and flags.
#pragma once

#include <string>

#include <weft/wasm/cli/command.hpp>

namespace weft::cli {

class completion_command : public command {
 public:
  explicit completion_command(CLI::App& program);
  int execute() override;

 private:
  CLI::App& program_;
  std::string shell_;
};

}  // namespace weft::cli
