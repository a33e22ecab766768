// An embedder's host functions as the engine calls them, and modules bound to them.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/wasm/detail/compiled.hpp>
#include <weft/wasm/host_functions.hpp>

namespace weft::wasm::detail {

// How a host function of the embedder has failed, on its way from there to whoever called the guest.
struct host_function_failure {
  std::string function;
  std::exception_ptr error;
};

// A module bound to a table of functions, once in each backend that its guests run in. It belongs to the table, so that
// guests which come one after another find it; whoever uses it has both the code and the table.
class linkage {
 public:
  linkage(compiled& code, const host_function_table& functions) noexcept : code_(code), functions_(functions) {}

  // As those of `compiled`.
  [[nodiscard]] bound_code ready(const std::string& module);
  [[nodiscard]] bound_code ready_on_demand(const std::string& module);

  // The code goes.
  void forget() noexcept;

 private:
  void bind(const loaded_code& code, const std::string& module, prepared_handle& into) const;

  compiled& code_;
  const host_function_table& functions_;  // what is prepared points to its functions
  std::mutex mutex_;
  prepared_handle main_;
  prepared_handle spare_;
};

class host_function_table {
 public:
  [[nodiscard]] static const std::shared_ptr<const host_function_table>& of(const host_functions& list) noexcept {
    return list.table_;
  }

  // A table with this function as well, or instead of that of the same names.
  [[nodiscard]] static std::shared_ptr<const host_function_table> with(const host_function_table* old,
                                                                       std::shared_ptr<const host_function> function);

  [[nodiscard]] const host_function* find(std::string_view module, std::string_view name) const noexcept;
  void define_in(weft_linker& linker) const;
  // Throws module_error if the import is one of these functions, but of another type.
  void check_type(const module_item& import, const std::string& module) const;

  // The module bound to these functions; the same again while both are there.
  [[nodiscard]] std::shared_ptr<linkage> link(const std::shared_ptr<compiled>& code) const;

 private:
  std::vector<std::shared_ptr<const host_function>> functions_;
  mutable std::mutex mutex_;
  mutable std::vector<std::pair<std::weak_ptr<compiled>, std::shared_ptr<linkage>>> linked_;
};

// "(i32, i64) -> f64" of "iI:F".
[[nodiscard]] std::string readable_signature(std::string_view letters);

}  // namespace weft::wasm::detail
