#include <weft/wasm/engine.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/event.hpp>
#include <weft/wasm/detail/engine_core.hpp>

namespace weft::wasm {

namespace {

// Runs f on a thread of its own, which a cancelled caller leaves behind: compiling takes seconds and cannot be
// interrupted. So f must own whatever it uses. The result is dropped with the last of the two.
template <class F>
std::invoke_result_t<F&> on_own_thread(F f) {
  if (!in_fiber()) return f();
  using result = std::invoke_result_t<F&>;
  struct shared_call {
    F function;
    std::optional<result> value;
    std::exception_ptr error;
    event done;
  };
  auto call = std::make_shared<shared_call>(std::move(f));
  std::thread([call] {
    try {
      call->value.emplace(call->function());
    } catch (...) {
      call->error = std::current_exception();
    }
    call->done.set();
  }).detach();
  // By a timer, so that a wait which no fiber can end is not taken for a deadlock.
  while (!call->done.wait_for(std::chrono::hours(1))) {
  }
  if (call->error) std::rethrow_exception(std::move(call->error));
  return std::move(*call->value);
}

}  // namespace

engine::engine(engine_options options) : core_(std::make_shared<detail::engine_core>(std::move(options))) {}
engine::~engine() = default;
engine::engine(engine&&) noexcept = default;
engine& engine::operator=(engine&&) noexcept = default;

wasm::module engine::load(const std::filesystem::path& file) {
  return module(on_own_thread([core = core_, file] { return core->load(file); }));
}

std::optional<wasm::module> engine::load_if_compiled(const std::filesystem::path& file) {
  auto found = blocking([&] { return core_->load_if_compiled(file); });
  if (!found) return std::nullopt;
  return module(std::move(found));
}

wasm::module engine::compile(std::span<const std::byte> bytes, std::string_view name) {
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  return module(on_own_thread(
      [core = core_, own = std::move(copy), text = std::string(name)] { return core->compile(own, text); }));
}

std::vector<std::byte> engine::precompile(std::span<const std::byte> bytes, std::string_view name) {
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  return on_own_thread(
      [core = core_, own = std::move(copy), text = std::string(name)] { return core->precompile(own, text); });
}

wasm::module engine::load_precompiled(const std::filesystem::path& file) {
  return module(blocking([&] { return core_->load_precompiled(file); }));
}

allocation engine::memory() const noexcept { return core_->plan().pool > 0 ? allocation::pool : allocation::on_demand; }

const std::string& engine::memory_note() const noexcept { return core_->plan().note; }

const std::filesystem::path& engine::cache_directory() const noexcept { return core_->cache_folder(); }

engine_statistics engine::statistics() const noexcept { return core_->statistics(); }

}  // namespace weft::wasm
