#include <weft/wasm/detail/host_function_table.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

#include <weft/wasm/detail/engine_core.hpp>
#include <weft/wasm/detail/own_functions.hpp>
#include <weft/wasm/error.hpp>
#include <weft/wasm/wasi/context.hpp>

namespace weft::wasm::detail {

namespace {

std::string full_name(const host_function& function) { return function.module() + "." + function.name(); }

// Called while an exception is handled: keeps it until the guest is gone.
void keep_failure(wasi::context& guest, const host_function& function) noexcept {
  try {
    throw;
  } catch (const std::exception&) {
    guest.fail(std::make_exception_ptr(host_function_failure{full_name(function), std::current_exception()}));
  } catch (...) {
    guest.fail(std::current_exception());
  }
}

// When the guest has been left. The results are put where the guest takes them.
wasi::outcome make_call(wasi::context& guest, const wasi::context::host_call& call) {
  try {
    calling from(&guest, call.memory, call.size);
    call.target->invoke(from, call.slots);
  } catch (const std::exception&) {
    keep_failure(guest, *call.target);
    return wasi::outcome::failed();
  }
  return wasi::outcome::of(static_cast<std::uint64_t>(call.slots[0].i64));
}

std::int32_t call_parking(void* function, void* guest, std::uint8_t* memory, std::size_t size,
                          weft_value* slots) noexcept {
  const auto& target = *static_cast<const host_function*>(function);
  static_cast<wasi::context*>(guest)->wait_for({&target, memory, size, slots, make_call});
  return weft_wait;
}

std::string readable_types(std::string_view letters) {
  constexpr std::string_view kinds = "iIfF";
  constexpr std::array<const char*, 5> names = {"i32", "i64", "f32", "f64", "reference"};
  std::string text;
  for (const char letter : letters) {
    if (!text.empty()) text += ", ";
    text += names.at(std::min(kinds.find(letter), names.size() - 1));
  }
  return text;
}

}  // namespace

std::int32_t host_function::failed(void* guest) const noexcept {
  keep_failure(*static_cast<wasi::context*>(guest), *this);
  return weft_fail;
}

std::string readable_signature(std::string_view letters) {
  const std::size_t colon = letters.find(':');
  const std::string_view results = letters.substr(colon + 1);
  std::string text = "(" + readable_types(letters.substr(0, colon)) + ")";
  if (results.empty()) return text;
  text += " -> ";
  return results.size() == 1 ? text + readable_types(results) : text + "(" + readable_types(results) + ")";
}

std::shared_ptr<const host_function_table> host_function_table::with(const host_function_table* old,
                                                                     std::shared_ptr<const host_function> function) {
  auto table = std::make_shared<host_function_table>();
  if (old != nullptr) table->functions_ = old->functions_;
  std::erase_if(table->functions_, [&](const auto& known) {
    return known->module() == function->module() && known->name() == function->name();
  });
  table->functions_.push_back(std::move(function));
  return table;
}

const host_function* host_function_table::find(std::string_view module, std::string_view name) const noexcept {
  const auto found = std::find_if(functions_.begin(), functions_.end(), [&](const auto& function) {
    return function->module() == module && function->name() == name;
  });
  return found != functions_.end() ? found->get() : nullptr;
}

void host_function_table::check_type(const module_item& import, const std::string& module) const {
  const host_function* function = find(import.module, import.name);
  if (function == nullptr || function->signature() == import.kind) return;
  throw module_error(module_fault::wrong_signature,
                     "'" + module + "' imports " + full_name(*function) + " as " + readable_signature(import.kind) +
                         ", and the host's function is " + readable_signature(function->signature()));
}

void host_function_table::define_in(weft_linker& linker) const {
  for (const auto& function : functions_) {
    const weft_definition definition{.module = to_slice(function->module()),
                                     .name = to_slice(function->name()),
                                     .signature = to_slice(function->signature()),
                                     .waits = function->parks(),
                                     .uses_memory = function->uses_memory(),
                                     .callback = function->parks() ? call_parking : function->callback(),
                                     .function = const_cast<host_function*>(function.get())};
    weft_error* raw = nullptr;
    weft_linker_define(&linker, &definition, &raw);
    if (const error_handle error(raw); error) {
      throw std::runtime_error("cannot define " + full_name(*function) + ": " + std::string(message_of(error)));
    }
  }
}

std::shared_ptr<linkage> host_function_table::link(const std::shared_ptr<compiled>& code) const {
  const std::lock_guard guard(mutex_);
  std::erase_if(linked_, [](const auto& known) { return known.first.expired(); });
  for (const auto& [known, linked] : linked_) {
    if (known.lock() == code) return linked;
  }
  auto fresh = std::make_shared<linkage>(*code, *this);
  code->add_linkage(fresh);
  linked_.emplace_back(code, fresh);
  return fresh;
}

void linkage::bind(const loaded_code& code, const std::string& module, prepared_handle& into) const {
  for (const module_item& import : code_.imports()) functions_.check_type(import, module);
  const linker_handle linker(weft_linker_new(code.home->engine()));
  define_own_functions(*linker);
  functions_.define_in(*linker);
  into = code_.prepare(code, *linker, module, &functions_);
}

void linkage::forget() noexcept {
  const std::lock_guard guard(mutex_);
  main_.reset();
  spare_.reset();
}

bound_code linkage::ready(const std::string& module) {
  const std::lock_guard guard(mutex_);
  const loaded_code& code = code_.main();
  if (!main_) bind(code, module, main_);
  return {code.home, code.module.get(), main_.get()};
}

bound_code linkage::ready_on_demand(const std::string& module) {
  const loaded_code& code = code_.spare(module);
  const std::lock_guard guard(mutex_);
  if (!spare_) bind(code, module, spare_);
  return {code.home, code.module.get(), spare_.get()};
}

}  // namespace weft::wasm::detail

namespace weft::wasm {

const std::string& caller::guest_name() const noexcept { return static_cast<const wasi::context*>(guest_)->name(); }

void host_functions::insert(std::shared_ptr<const detail::host_function> function) {
  if (detail::is_own_module(function->module())) {
    throw std::invalid_argument("the module name '" + function->module() + "' is the host's own, and " +
                                function->name() + " cannot be added to it");
  }
  table_ = detail::host_function_table::with(table_.get(), std::move(function));
}

}  // namespace weft::wasm
