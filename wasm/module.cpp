#include <weft/wasm/module.hpp>

#include <weft/wasm/detail/compiled.hpp>

namespace weft::wasm {

const std::string& module::name() const noexcept { return core_->name(); }

std::vector<module_item> module::imports() const { return core_->code().imports(); }

std::vector<module_item> module::exports() const { return core_->code().exports(); }

std::vector<module_item> module::missing_imports() const { return core_->code().missing_imports(); }

}  // namespace weft::wasm
