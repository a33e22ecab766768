#include <weft/wasm/detail/program.hpp>

#include <stdexcept>
#include <utility>

#include <weft/wasm/detail/compiled.hpp>
#include <weft/wasm/detail/links.hpp>

namespace weft::wasm::detail {

namespace {

void check_text(const std::string& text, const char* what) {
  if (text.find('\0') == std::string::npos) return;
  throw std::invalid_argument(std::string("a guest's ") + what + " cannot contain a null character");
}

void check(const guest_options& options) {
  check_text(options.name, "name");
  for (const std::string& argument : options.arguments) check_text(argument, "argument");
  for (const auto& [name, value] : options.environment) {
    check_text(name, "environment");
    check_text(value, "environment");
    if (name.empty() || name.find('=') != std::string::npos) {
      throw std::invalid_argument("'" + name + "' cannot be the name of an environment variable");
    }
  }
}

}  // namespace

program::program(module m, guest_options options)
    : module_(std::move(m)),
      options_(std::move(options)),
      name_(options_.name.empty() ? module_.name() : options_.name) {
  check(options_);
  const module_core& core = *module_.core_;
  for (const auto& [alias, preload] : options_.preloads) preloads_.push_back({alias, preload.core_.get()});
  if (!preloads_.empty()) {
    check_links(core, preloads_, host_function_table::of(options_.functions).get());
  } else if (const auto& table = host_function_table::of(options_.functions)) {
    functions_ = table->link(core.shared_code());
    bound_ = functions_->ready(module_.name());
  } else {
    bound_ = core.code().ready(module_.name());
  }
}

std::optional<std::string_view> program::function_kind(std::string_view function) const {
  return module_.core_->code().function_kind(function);
}

module_error program::no_function(std::string_view function, const std::string& why) const {
  return {module_fault::missing_export,
          "'" + module_.name() + "' exports no function '" + std::string(function) + "'" + why};
}

void program::check_signature(std::string_view function, std::string_view letters) const {
  const std::optional<std::string_view> kind = function_kind(function);
  if (!kind) throw no_function(function, "");
  if (*kind == letters) return;
  throw module_error(module_fault::wrong_signature, "the function '" + std::string(function) + "' of '" +
                                                        module_.name() + "' is " + readable_signature(*kind) +
                                                        ", and was called as " + readable_signature(letters));
}

void program::start(std::optional<execution>& into, wasi::context& context) const {
  module_core& core = *module_.core_;
  if (core.code().uses_wasi() || !preloads_.empty()) context.open();
  const std::uint64_t limit =
      options_.limits.memory != 0 ? options_.limits.memory : core.engine().options().default_memory_limit;
  into.emplace(core, launch{bound_, functions_.get(), preloads_, limit, name_}, context);
}

}  // namespace weft::wasm::detail
