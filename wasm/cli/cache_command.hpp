// `weft cache`: what is kept of compiled modules, and the end of it.
#pragma once

#include <string>

#include <weft/wasm/cli/command.hpp>

namespace weft::cli {

class cache_command : public command {
 public:
  explicit cache_command(CLI::App& program);
  int execute() override;

 private:
  [[nodiscard]] int list() const;
  [[nodiscard]] int prune() const;

  CLI::App* list_;
  CLI::App* prune_;
  bool json_ = false;
  bool all_ = false;
  std::string unused_;
  std::string max_size_;
};

}  // namespace weft::cli
