#include <weft/wasm/detail/own_functions.hpp>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>

#include <weft/wasm/detail/handles.hpp>
#include <weft/wasm/exchange/functions.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::detail {

namespace {

void define(weft_linker& linker, std::string_view module, const wasi::definition& d) {
  const weft_definition function{.module = to_slice(module),
                                 .name = to_slice(d.name),
                                 .signature = to_slice(d.signature),
                                 .waits = d.waits,
                                 .uses_memory = true,
                                 .callback = d.callback,
                                 .function = nullptr};
  weft_error* raw = nullptr;
  weft_linker_define(&linker, &function, &raw);
  if (const error_handle error(raw); error) {
    throw std::runtime_error("cannot define " + std::string(d.name) + ": " + std::string(message_of(error)));
  }
}

// f(module, definition) for each.
template <class F>
void visit(F f) {
  for (const auto& group : wasi::groups()) {
    for (const wasi::definition& d : group) f(wasi::import_module, d);
  }
  for (const wasi::definition& d : exchange::functions()) f(exchange::import_module, d);
}

bool has(std::span<const wasi::definition> group, std::string_view name) noexcept {
  return std::any_of(group.begin(), group.end(), [name](const wasi::definition& d) { return d.name == name; });
}

}  // namespace

void define_own_functions(weft_linker& linker) {
  visit([&](std::string_view module, const wasi::definition& d) { define(linker, module, d); });
}

void define_own_functions(weft_linker& linker, std::span<const module_item> imports) {
  visit([&](std::string_view module, const wasi::definition& d) {
    const bool is_imported = std::any_of(imports.begin(), imports.end(), [&](const module_item& import) {
      return import.name == d.name && import.module == module;
    });
    if (is_imported) define(linker, module, d);
  });
}

bool provides_itself(std::string_view module, std::string_view name) noexcept {
  if (module == exchange::import_module) return has(exchange::functions(), name);
  if (module != wasi::import_module) return false;
  const auto all = wasi::groups();
  return std::any_of(all.begin(), all.end(), [name](const auto& group) { return has(group, name); });
}

bool is_own_module(std::string_view module) noexcept {
  return module == wasi::import_module || module == exchange::import_module;
}

}  // namespace weft::wasm::detail
