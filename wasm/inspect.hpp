// Looks into a module's file without compiling it: what it imports and exports, its memories and tables, its sections,
// and how large each function is.
//
// Lenient: a module that is damaged or that the engine would refuse is described as far as it can be read.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft::wasm {

// One JSON object, in UTF-8:
//   kind            "module" or "component"
//   size            bytes
//   problem         what could not be read, with its offset; null if everything could
//   sections        [{name, custom, offset, size}], in their order
//   imports         [{module, name, kind, type}]; kind is function, memory, table, global or tag
//   exports         [{name, kind, type}]
//   memories        [{minimum, maximum, imported, shared, address_bits}], sizes in bytes
//   tables          [{minimum, maximum, imported, type}], sizes in elements
//   start_function  its index, or null
//   producers       {field: [text]}, the tools that made it
//   functions       [{index, name, size}], the largest first; size is that of the body, in bytes
// Takes some milliseconds for a megabyte; any thread. Throws std::runtime_error only if memory runs out.
[[nodiscard]] std::string inspect(std::span<const std::byte> file);

// Whether every guest finds such a function here.
[[nodiscard]] bool provides_import(std::string_view module, std::string_view name) noexcept;

}  // namespace weft::wasm
