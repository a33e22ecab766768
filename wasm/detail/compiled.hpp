// Compiled code, loaded and bound to the host's functions; shared by all modules of the same content.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/wasm/detail/backend.hpp>
#include <weft/wasm/module.hpp>

namespace weft::wasm::detail {

class host_function_table;
class linkage;

// Code loaded into one backend. `prepared` is null as long as it was not bound to what the host provides by itself.
struct loaded_code {
  const backend* home = nullptr;
  module_handle module;
  prepared_handle prepared;
};

// Code that can be instantiated; belongs to what has bound it.
struct bound_code {
  const backend* home = nullptr;
  const weft_module* module = nullptr;
  const weft_prepared* prepared = nullptr;
};

class compiled {
 public:
  // `code` is loaded into the main backend of the engine already, or into the spare one if the pool has no room for
  // such a module.
  compiled(engine_core& engine, const backend& home, module_handle code);
  // What it was bound to is forgotten by those tables of functions that go on.
  ~compiled();
  compiled(const compiled&) = delete;
  compiled& operator=(const compiled&) = delete;

  // Where guests run usually. Its imports are bound the first time; throws module_error naming `module` and what is
  // missing.
  [[nodiscard]] bound_code ready(const std::string& module);

  // The same without the pool, for guests that it has no room for.
  [[nodiscard]] bound_code ready_on_demand(const std::string& module);

  // Has somebody who binds the code forget it when it goes.
  void add_linkage(const std::shared_ptr<linkage>& bound);

  // The code alone, for those who bind it to functions of their own.
  [[nodiscard]] const loaded_code& main() const noexcept { return main_; }
  [[nodiscard]] const loaded_code& spare(const std::string& module);
  // Binds the imports by a linker; `functions` are those it has beside the host's own, or null. Throws module_error.
  [[nodiscard]] prepared_handle prepare(const loaded_code& code, const weft_linker& linker, const std::string& module,
                                        const host_function_table* functions) const;

  [[nodiscard]] const std::vector<module_item>& imports() const noexcept { return imports_; }
  [[nodiscard]] const std::vector<module_item>& exports() const noexcept { return exports_; }
  // True if it may use what the guest is given: streams, directories, arguments.
  [[nodiscard]] bool uses_wasi() const noexcept { return uses_wasi_; }
  [[nodiscard]] std::vector<module_item> missing_imports(const host_function_table* functions = nullptr) const;

  // The kind of an exported function; empty if there is no such function. Valid as long as the code.
  [[nodiscard]] std::optional<std::string_view> function_kind(std::string_view name) const;

 private:
  [[nodiscard]] loaded_code& spare_with_lock(const std::string& module);
  void prepare_with_own_functions(loaded_code& code, const std::string& module) const;

  engine_core& engine_;
  std::mutex mutex_;  // held while binding, for microseconds, or milliseconds when code is loaded a second time
  loaded_code main_;
  loaded_code spare_;
  std::vector<std::weak_ptr<linkage>> linkages_;
  bool uses_wasi_ = false;
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
  [[nodiscard]] const std::shared_ptr<compiled>& shared_code() const noexcept { return code_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::shared_ptr<engine_core> engine_;  // outlives the code
  std::shared_ptr<compiled> code_;
  std::string name_;
};

}  // namespace weft::wasm::detail
