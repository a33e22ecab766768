// The functions that every guest may import: WASI preview 1, and the module "weft".
#pragma once

#include <string_view>

#include <weft/wasm/detail/engine_shims.h>

namespace weft::wasm::detail {

// Makes all of them available to guests. Throws std::runtime_error.
void define_own_functions(weft_linker& linker);

[[nodiscard]] bool provides_itself(std::string_view module, std::string_view name) noexcept;

// True for the names of modules that nobody else may add to.
[[nodiscard]] bool is_own_module(std::string_view module) noexcept;

}  // namespace weft::wasm::detail
