// What an engine handle points to: backends, cache, ticker, and the compiled code that is alive.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weft/wasm/detail/backend.hpp>
#include <weft/wasm/detail/code_cache.hpp>
#include <weft/wasm/detail/compiled.hpp>
#include <weft/wasm/detail/ticker.hpp>
#include <weft/wasm/engine.hpp>

namespace weft::wasm::detail {

class engine_core : public std::enable_shared_from_this<engine_core> {
 public:
  explicit engine_core(engine_options options);

  // Block the thread: callers put them where that is allowed.
  [[nodiscard]] std::shared_ptr<module_core> load(const std::filesystem::path& file);
  // Null if it would have to be compiled.
  [[nodiscard]] std::shared_ptr<module_core> load_if_compiled(const std::filesystem::path& file);
  [[nodiscard]] std::shared_ptr<module_core> compile(std::span<const std::byte> wasm, std::string name);
  [[nodiscard]] std::vector<std::byte> precompile(std::span<const std::byte> wasm, const std::string& name);
  [[nodiscard]] std::shared_ptr<module_core> load_precompiled(const std::filesystem::path& file);

  // Where guests run that the pool has no room for; the main backend itself if there is no pool. Made when first
  // needed.
  [[nodiscard]] const backend& spare();

  [[nodiscard]] ticker& time_slices() noexcept { return ticker_; }
  [[nodiscard]] const engine_options& options() const noexcept { return options_; }
  [[nodiscard]] const memory_plan& plan() const noexcept { return plan_; }
  [[nodiscard]] const std::filesystem::path& cache_folder() const noexcept { return cache_.folder(); }
  [[nodiscard]] engine_statistics statistics() const noexcept;

  void count_guest() noexcept { guests_started_.fetch_add(1, std::memory_order_relaxed); }
  void count_guest_on_demand() noexcept { guests_on_demand_.fetch_add(1, std::memory_order_relaxed); }

 private:
  // One content that is or was in use; its mutex is held while it is compiled, so that it is compiled once.
  struct slot {
    std::mutex compiling;
    std::weak_ptr<compiled> code;
  };

  [[nodiscard]] backend_settings settings(unsigned pool) const noexcept;
  [[nodiscard]] bytes_handle translate(std::span<const std::byte> wasm, const std::string& name);
  std::shared_ptr<slot> slot_of(const digest& key);
  std::shared_ptr<compiled> obtain(const digest& key, std::span<const std::byte> wasm, const std::string& name);
  std::shared_ptr<compiled> obtain_cached(const digest& key);
  module_handle load_cached(const digest& key);
  std::shared_ptr<compiled> place(module_handle module, const backend& home);
  void tick() const noexcept;

  const engine_options options_;
  const memory_plan plan_;
  const code_cache cache_;
  const backend main_;
  std::mutex spare_mutex_;
  std::unique_ptr<const backend> spare_owner_;
  std::atomic<const backend*> spare_{nullptr};
  std::mutex slots_mutex_;
  std::map<digest, std::shared_ptr<slot>> slots_;
  std::atomic<std::uint64_t> compiled_{0}, hits_{0}, rejected_{0}, guests_started_{0}, guests_on_demand_{0};
  ticker ticker_;  // stops before the backends go
};

}  // namespace weft::wasm::detail
