// `weft manual`: the manual page.
#pragma once

#include <weft/wasm/cli/command.hpp>

namespace weft::cli {

class manual_command : public command {
 public:
  explicit manual_command(CLI::App& program);
  int execute() override;

 private:
  CLI::App& program_;
};

}  // namespace weft::cli
