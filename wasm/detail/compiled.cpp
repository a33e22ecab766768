#include <weft/wasm/detail/compiled.hpp>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weft/wasm/detail/engine_core.hpp>
#include <weft/wasm/detail/host_function_table.hpp>
#include <weft/wasm/detail/own_functions.hpp>
#include <weft/wasm/error.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::detail {

namespace {

void collect(void* list, weft_slice module, weft_slice name, weft_slice kind) {
  static_cast<std::vector<module_item>*>(list)->push_back(
      {std::string(to_view(module)), std::string(to_view(name)), std::string(to_view(kind))});
}

// The first few, so that the message stays a line.
std::string list_of(const std::vector<module_item>& items) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(items.size(), most); ++i) {
    if (i != 0) text += ", ";
    text += items[i].module + "." + items[i].name;
  }
  if (items.size() > most) text += " and " + std::to_string(items.size() - most) + " more";
  return text;
}

std::string remedy_for(const module_item& item) {
  if (item.module == "wasi_unstable") {
    return "it was built for the first draft of WASI; build it again with a current toolchain (preview 1, wasip1)";
  }
  if (item.module.starts_with("wasi:")) return "it is made for WASI 0.2 or later; build it for wasip1";
  if (item.module == "wasi") return "threads of WebAssembly are not supported; build it without them";
  if (item.module == "env") {
    return "a module 'env' is usually an unresolved symbol, or JavaScript glue that a browser would provide; link it "
           "in, or "
           "build for wasm32-wasi";
  }
  if (item.module == "weft") return "the module 'weft' of this host has no such function (docs/guests.md lists them)";
  return "the host provides wasi_snapshot_preview1; build the module for wasip1 without this import";
}

}  // namespace

void throw_missing(const std::string& module, const std::vector<module_item>& missing) {
  throw module_error(module_fault::missing_import,
                     "'" + module + "' imports " + list_of(missing) +
                         ", which this host does not provide: " + remedy_for(missing.front()));
}

compiled::compiled(engine_core& engine, const backend& home, module_handle code) : engine_(engine) {
  weft_module_imports(code.get(), &imports_, collect);
  weft_module_exports(code.get(), &exports_, collect);
  uses_wasi_ = std::any_of(imports_.begin(), imports_.end(),
                           [](const module_item& item) { return item.module == wasi::import_module; });
  main_.home = &home;
  main_.module = std::move(code);
}

compiled::~compiled() {
  for (const auto& bound : linkages_) {
    if (const auto still_there = bound.lock()) still_there->forget();
  }
}

void compiled::add_linkage(const std::shared_ptr<linkage>& bound) {
  const std::lock_guard guard(mutex_);
  std::erase_if(linkages_, [](const auto& known) { return known.expired(); });
  linkages_.push_back(bound);
}

std::vector<module_item> compiled::missing_imports(const host_function_table* functions) const {
  const auto is_provided = [functions](const module_item& item) {
    return provides_itself(item.module, item.name) ||
           (functions != nullptr && functions->find(item.module, item.name) != nullptr);
  };
  std::vector<module_item> missing;
  std::copy_if(imports_.begin(), imports_.end(), std::back_inserter(missing), std::not_fn(is_provided));
  return missing;
}

std::optional<std::string_view> compiled::function_kind(std::string_view name) const {
  const auto found = std::find_if(exports_.begin(), exports_.end(), [&](const module_item& item) {
    return item.name == name && item.kind.find(':') != std::string::npos;
  });
  if (found == exports_.end()) return std::nullopt;
  return found->kind;
}

prepared_handle compiled::prepare(const loaded_code& code, const weft_linker& linker, const std::string& module,
                                  const host_function_table* functions) const {
  if (const auto missing = missing_imports(functions); !missing.empty()) throw_missing(module, missing);
  weft_error* raw = nullptr;
  prepared_handle prepared(weft_linker_prepare(&linker, code.module.get(), &raw));
  if (const error_handle error(raw); error) {
    throw module_error(module_fault::missing_import, "'" + module +
                                                         "' imports something of another type than this host " +
                                                         "provides: " + std::string(message_of(error)));
  }
  return prepared;
}

void compiled::prepare_with_own_functions(loaded_code& code, const std::string& module) const {
  const linker_handle linker(weft_linker_new(code.home->engine()));
  define_own_functions(*linker, imports_);
  code.prepared = prepare(code, *linker, module, nullptr);
}

bound_code compiled::ready(const std::string& module) {
  const std::lock_guard guard(mutex_);
  if (!main_.prepared) prepare_with_own_functions(main_, module);
  return {main_.home, main_.module.get(), main_.prepared.get()};
}

loaded_code& compiled::spare_with_lock(const std::string& module) {
  if (main_.home == &engine_.spare()) return main_;
  if (spare_.module) return spare_;
  weft_error* raw = nullptr;
  const bytes_handle code(weft_module_code(main_.module.get(), &raw));
  if (raw == nullptr) {
    spare_.home = &engine_.spare();
    spare_.module.reset(weft_module_load(spare_.home->engine(), weft_bytes_view(code.get()), &raw));
  }
  if (const error_handle error(raw); error) {
    throw std::runtime_error("cannot load '" + module + "' outside of the pool: " + std::string(message_of(error)));
  }
  return spare_;
}

const loaded_code& compiled::spare(const std::string& module) {
  const std::lock_guard guard(mutex_);
  return spare_with_lock(module);
}

bound_code compiled::ready_on_demand(const std::string& module) {
  const std::lock_guard guard(mutex_);
  loaded_code& code = spare_with_lock(module);
  if (!code.prepared) prepare_with_own_functions(code, module);
  return {code.home, code.module.get(), code.prepared.get()};
}

}  // namespace weft::wasm::detail
