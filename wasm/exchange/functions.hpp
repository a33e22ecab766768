// The module "weft": how guests talk, wait for several things, and have children. docs/guests.md is its reference.
#pragma once

#include <span>
#include <string_view>

#include <weft/wasm/wasi/binding.hpp>

namespace weft::wasm::exchange {

inline constexpr std::string_view import_module = "weft";

[[nodiscard]] std::span<const wasi::definition> functions() noexcept;

}  // namespace weft::wasm::exchange
