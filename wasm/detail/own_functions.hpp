// The functions that every guest may import: WASI preview 1, and the module "weft".
#pragma once

#include <span>
#include <string_view>

#include <weft/wasm/detail/engine_shims.h>
#include <weft/wasm/module.hpp>

namespace weft::wasm::detail {

// Makes all of them available to guests. Throws std::runtime_error.
void define_own_functions(weft_linker& linker);
// Only those that are imported: most guests want a dozen of the sixty, and each takes some 12,000 instructions.
void define_own_functions(weft_linker& linker, std::span<const module_item> imports);

[[nodiscard]] bool provides_itself(std::string_view module, std::string_view name) noexcept;

// True for the names of modules that nobody else may add to.
[[nodiscard]] bool is_own_module(std::string_view module) noexcept;

}  // namespace weft::wasm::detail
