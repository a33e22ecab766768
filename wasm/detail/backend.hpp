// One configuration of the engine library, with the host functions that its guests can import.
#pragma once

#include <cstddef>
#include <cstdint>
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

class backend {
 public:
  // `pool`: guests to reserve memory for; 0: none. Throws std::runtime_error.
  backend(unsigned pool, memory_layout layout);

  [[nodiscard]] const weft_engine* engine() const noexcept { return engine_.get(); }
  [[nodiscard]] const weft_linker* linker() const noexcept { return linker_.get(); }

  // Of everything that compiled code depends on.
  [[nodiscard]] const digest& compatibility() const noexcept { return compatibility_; }

 private:
  engine_handle engine_;
  linker_handle linker_;
  digest compatibility_;
};

// How memory is to be allocated on this machine: found out by trying, for the engine library does not survive a
// refusal.
struct memory_plan {
  unsigned pool = 0;  // guests; 0: on demand
  memory_layout layout = {};
  std::string note;
};

[[nodiscard]] memory_plan plan_memory(allocation wanted, unsigned pool_size);

}  // namespace weft::wasm::detail
