#include <weft/wasm/engine.hpp>

#include <utility>

#include <weft/scheduler/blocking.hpp>
#include <weft/wasm/detail/engine_core.hpp>

namespace weft::wasm {

engine::engine(engine_options options) : core_(std::make_shared<detail::engine_core>(std::move(options))) {}
engine::~engine() = default;
engine::engine(engine&&) noexcept = default;
engine& engine::operator=(engine&&) noexcept = default;

wasm::module engine::load(const std::filesystem::path& file) {
  return module(blocking([&] { return core_->load(file); }));
}

wasm::module engine::compile(std::span<const std::byte> bytes, std::string_view name) {
  return module(blocking([&] { return core_->compile(bytes, std::string(name)); }));
}

allocation engine::memory() const noexcept { return core_->plan().pool > 0 ? allocation::pool : allocation::on_demand; }

const std::string& engine::memory_note() const noexcept { return core_->plan().note; }

const std::filesystem::path& engine::cache_directory() const noexcept { return core_->cache_folder(); }

engine_statistics engine::statistics() const noexcept { return core_->statistics(); }

}  // namespace weft::wasm
