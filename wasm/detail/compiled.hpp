// Compiled code, loaded and bound to the host's functions; shared by all modules of the same content.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <weft/wasm/detail/backend.hpp>
#include <weft/wasm/module.hpp>

namespace weft::wasm::detail {

// Code loaded into one backend. `prepared` is null as long as imports are missing.
struct loaded_code {
  const backend* home = nullptr;
  module_handle module;
  prepared_handle prepared;
};

class compiled {
 public:
  // `code` is loaded into the main backend of the engine already, or into the spare one if the pool has no room for
  // such a module.
  compiled(engine_core& engine, const backend& home, module_handle code);

  // Where guests run usually. Its imports are bound the first time; throws module_error naming `module` and what is
  // missing.
  [[nodiscard]] const loaded_code& ready(const std::string& module);

  // The same without the pool, for guests that it has no room for.
  [[nodiscard]] const loaded_code& ready_on_demand(const std::string& module);

  // The same two, with imports that need not be bound.
  [[nodiscard]] const loaded_code& loaded() const noexcept { return main_; }
  [[nodiscard]] const loaded_code& loaded_on_demand(const std::string& module);

  [[nodiscard]] const std::vector<module_item>& imports() const noexcept { return imports_; }
  [[nodiscard]] const std::vector<module_item>& exports() const noexcept { return exports_; }
  [[nodiscard]] std::vector<module_item> missing_imports() const;

  // The kind of an exported function; empty if there is no such function.
  [[nodiscard]] std::optional<std::string> function_kind(std::string_view name) const;

 private:
  loaded_code& load_on_demand(const std::string& module);
  void bind(loaded_code& code, const std::string& module) const;

  engine_core& engine_;
  std::mutex mutex_;  // held while binding, for microseconds, or milliseconds when code is loaded a second time
  loaded_code main_;
  loaded_code spare_;
  std::vector<module_item> imports_;
  std::vector<module_item> exports_;
};

[[noreturn]] void throw_missing(const std::string& module, const std::vector<module_item>& missing);

// What a module handle points to.
class module_core {
 public:
  module_core(std::shared_ptr<engine_core> engine, std::shared_ptr<compiled> code, std::string name)
      : engine_(std::move(engine)), code_(std::move(code)), name_(std::move(name)) {}

  [[nodiscard]] engine_core& engine() const noexcept { return *engine_; }
  [[nodiscard]] compiled& code() const noexcept { return *code_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::shared_ptr<engine_core> engine_;  // outlives the code
  std::shared_ptr<compiled> code_;
  std::string name_;
};

}  // namespace weft::wasm::detail
