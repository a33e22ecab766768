// `weft compile`: compiles a module once, to a file that `weft run --allow-precompiled` starts from.
#pragma once

#include <string>

#include <weft/wasm/cli/command.hpp>
#include <weft/wasm/cli/engine_flags.hpp>

namespace weft::cli {

class compile_command : public command {
 public:
  explicit compile_command(CLI::App& program);
  int execute() override;

 private:
  engine_flags engine_;
  std::string module_;
  std::string output_;
};

}  // namespace weft::cli
