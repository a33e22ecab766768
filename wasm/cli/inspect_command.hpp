// `weft inspect`: what is in a module.
#pragma once

#include <string>

#include <weft/wasm/cli/command.hpp>

namespace weft::cli {

class inspect_command : public command {
 public:
  explicit inspect_command(CLI::App& program);
  int execute() override;

 private:
  std::string module_;
  std::string functions_;
  bool json_ = false;
};

}  // namespace weft::cli
