// What `weft run` was asked to do, and how its words are read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/wasm/engine.hpp>
#include <weft/wasm/guest_options.hpp>

namespace weft::cli {

// A directory that the guest may use.
struct directory_grant {
  std::string host;
  std::string guest;
  bool writable = true;

  bool operator==(const directory_grant&) const = default;
};

// A module that the guest's module imports from.
struct preload {
  std::string name;
  std::string file;

  bool operator==(const preload&) const = default;
};

struct profile_request {
  enum class kind { none, perf, guest };
  kind what = kind::none;
  std::string file;  // of a guest's profile

  bool operator==(const profile_request&) const = default;
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
  wasm::guest_limits limits;                        // a copy's
  wasm::engine_options engine;
  bool precompiled = false;  // the module may be one of `weft compile`
  std::string function;      // to call instead of _start; empty: none
  std::vector<preload> preloads;
  std::vector<std::string> listeners;  // addresses and descriptors, as given
  std::string core_dump;               // a file for what a guest that traps looked like; empty: none
  profile_request profile;
  std::string trace;  // a file for what each worker ran when; empty: none
  bool json = false;
  bool statistics = false;
};

// "HOST", "HOST::GUEST", each with ":ro" or ":rw" behind it; without GUEST the guest sees the directory under the name that
// was given. Throws std::invalid_argument.
[[nodiscard]] directory_grant parse_directory(std::string_view text);

// "NAME=FILE". Throws std::invalid_argument.
[[nodiscard]] preload parse_preload(std::string_view text);

// "perf", "guest" or "guest,FILE". Throws std::invalid_argument.
[[nodiscard]] profile_request parse_profile(std::string_view text);

// "NAME=VALUE", or "NAME" for the value it has in weft's own environment. Throws std::invalid_argument.
[[nodiscard]] environment_variable parse_environment(std::string_view text);

}  // namespace weft::cli
