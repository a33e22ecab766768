// The flags of `weft run` that limit what a guest may take.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include <weft/wasm/guest_options.hpp>

namespace weft::cli {

class limit_flags {
 public:
  void add_to(CLI::App& command);

  // Throws usage_error.
  [[nodiscard]] wasm::guest_limits read() const;

 private:
  std::string memory_, table_elements_, descriptors_, output_, cpu_time_, wall_time_;
};

}  // namespace weft::cli
