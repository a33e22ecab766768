// Modules that a guest's module imports from.
#pragma once

#include <span>
#include <string>

#include <weft/wasm/detail/compiled.hpp>

namespace weft::wasm::detail {

struct preloaded {
  std::string name;
  module_core* module;  // kept alive by the guest's options
};

// Throws module_error if an import of the module, or of what is preloaded, is provided neither by the host nor by
// `functions`, which may be null, nor by what was preloaded before, or is a function of another type than that of `functions`;
// std::invalid_argument if a module belongs to another engine.
void check_links(const module_core& main, std::span<const preloaded> preloads, const host_function_table* functions);

}  // namespace weft::wasm::detail
