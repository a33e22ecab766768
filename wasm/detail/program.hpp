// What guests are made of: a module, what it is given, and the functions that it may call; checked once, started often.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/wasm/detail/execution.hpp>
#include <weft/wasm/error.hpp>
#include <weft/wasm/guest_options.hpp>
#include <weft/wasm/module.hpp>
#include <weft/wasm/wasi/context.hpp>

namespace weft::wasm::detail {

// What a library exports to be made ready by, and a program to be run by.
inline constexpr std::string_view initializer = "_initialize";
inline constexpr std::string_view entry_point = "_start";

class program {
 public:
  // Throws what the constructor of guest throws.
  program(module m, guest_options options);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const guest_options& options() const noexcept { return options_; }

  // "parameters:results" of an exported function, if there is one; valid as long as the program.
  [[nodiscard]] std::optional<std::string_view> function_kind(std::string_view function) const;
  [[nodiscard]] bool exports(std::string_view function) const { return function_kind(function).has_value(); }
  // Throws module_error if it is missing, or of another type.
  void check_signature(std::string_view function, std::string_view letters) const;
  [[nodiscard]] module_error no_function(std::string_view function, const std::string& why) const;

  // Makes an instance; what the guest is given is opened first. Parks. The context must outlive the execution, and this
  // both.
  void start(std::optional<execution>& into, wasi::context& context) const;
  [[nodiscard]] wasi::context make_context() const { return wasi::context(options_, name_); }

 private:
  const module module_;
  const guest_options options_;
  const std::string name_;
  std::vector<preloaded> preloads_;
  std::shared_ptr<linkage> functions_;  // null where the host's own are enough
  bound_code bound_;                    // what usually runs; empty if there are preloads
};

}  // namespace weft::wasm::detail
