// One configuration of the engine library, with the host functions that its guests can import.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include <weft/wasm/detail/code_cache.hpp>
#include <weft/wasm/detail/handles.hpp>
#include <weft/wasm/engine.hpp>

namespace weft::wasm::detail {

// Address space that a guest's memory takes, and what of it is never mapped, so that compiled code needs no checks of
// bounds.
struct memory_layout {
  std::uint64_t reservation;
  std::uint64_t guard;
};

struct backend_settings {
  unsigned pool = 0;  // guests to reserve memory for; 0: none
  memory_layout layout = {};
  compiler code = compiler::cranelift;
  std::uint64_t stack_size = 0;
  bool perf_map = false;
};

class backend {
 public:
  // Throws std::runtime_error.
  explicit backend(const backend_settings& settings);

  [[nodiscard]] const weft_engine* engine() const noexcept { return engine_.get(); }
  // With all that the host provides by itself. Made when first asked for; throws std::runtime_error then.
  [[nodiscard]] const weft_linker* linker() const;

  // Of everything that compiled code depends on.
  [[nodiscard]] const digest& compatibility() const noexcept { return compatibility_; }

 private:
  engine_handle engine_;
  mutable std::once_flag linker_made_;
  mutable linker_handle linker_;
  digest compatibility_;
};

// How memory is to be allocated on this machine: found out by trying, for the engine library does not survive a
// refusal.
struct memory_plan {
  unsigned pool = 0;  // guests; 0: on demand
  memory_layout layout = {};
  std::string note;
};

// For guests with stacks of that size. Throws std::system_error if a pool is insisted on, std::invalid_argument for
// options that make no sense.
[[nodiscard]] memory_plan plan_memory(const engine_options& options);

}  // namespace weft::wasm::detail
