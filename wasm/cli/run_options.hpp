// What `weft run` was asked to do, and how its words are read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::cli {

// A directory that the guest may use.
struct directory_grant {
  std::string host;
  std::string guest;
  bool writable = true;

  bool operator==(const directory_grant&) const = default;
};

using environment_variable = std::pair<std::string, std::string>;

struct run_options {
  std::string module;
  std::vector<std::string> arguments;  // the guest's, without its name
  std::vector<directory_grant> directories;
  std::vector<environment_variable> environment;
  unsigned copies = 1;
  unsigned workers = 0;                             // 0: as many as the process may use CPUs
  std::optional<std::chrono::nanoseconds> timeout;  // none: no limit
  std::optional<std::uint64_t> memory;              // bytes a copy; none: the engine's default
  std::string trace;                                // a file for what each worker ran when; empty: none
  bool json = false;
  bool statistics = false;
};

// "HOST", "HOST::GUEST", each with ":ro" or ":rw" behind it; without GUEST the guest sees the directory under the name that
// was given. Throws std::invalid_argument.
[[nodiscard]] directory_grant parse_directory(std::string_view text);

// "NAME=VALUE", or "NAME" for the value it has in weft's own environment. Throws std::invalid_argument.
[[nodiscard]] environment_variable parse_environment(std::string_view text);

}  // namespace weft::cli
