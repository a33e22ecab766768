#include <weft/wasm/detail/links.hpp>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <weft/wasm/detail/host_function_table.hpp>

namespace weft::wasm::detail {

namespace {

bool provides(std::span<const preloaded> preloads, const module_item& wanted) {
  return std::any_of(preloads.begin(), preloads.end(), [&](const preloaded& p) {
    const auto& exports = p.module->code().exports();
    return p.name == wanted.module &&
           std::any_of(exports.begin(), exports.end(), [&](const module_item& e) { return e.name == wanted.name; });
  });
}

// What was preloaded comes before a function of the same name.
void check_imports(const module_core& module, std::span<const preloaded> before, const host_function_table* functions) {
  const auto is_linked = [&](const module_item& item) { return provides(before, item); };
  std::vector<module_item> missing = module.code().missing_imports(functions);
  std::erase_if(missing, is_linked);
  if (!missing.empty()) throw_missing(module.name(), missing);
  if (functions == nullptr) return;
  for (const module_item& import : module.code().imports()) {
    if (!is_linked(import)) functions->check_type(import, module.name());
  }
}

}  // namespace

void check_links(const module_core& main, std::span<const preloaded> preloads, const host_function_table* functions) {
  for (std::size_t i = 0; i < preloads.size(); ++i) {
    if (&preloads[i].module->engine() != &main.engine()) {
      throw std::invalid_argument("'" + preloads[i].module->name() + "' belongs to another engine than '" +
                                  main.name() + "', which is to import from it");
    }
    check_imports(*preloads[i].module, preloads.first(i), functions);
  }
  check_imports(main, preloads, functions);
}

}  // namespace weft::wasm::detail
