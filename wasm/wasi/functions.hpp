// WASI preview 1 as a whole: which functions there are.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include <weft/wasm/wasi/binding.hpp>

namespace weft::wasm::wasi {

inline constexpr std::string_view import_module = "wasi_snapshot_preview1";

// The groups, a file each.
[[nodiscard]] std::span<const definition> program_functions() noexcept;     // arguments, environment, ending
[[nodiscard]] std::span<const definition> clock_functions() noexcept;       // clocks, random numbers
[[nodiscard]] std::span<const definition> descriptor_functions() noexcept;  // numbers, flags, rights, positions
[[nodiscard]] std::span<const definition> transfer_functions() noexcept;    // reading and writing
[[nodiscard]] std::span<const definition> file_functions() noexcept;        // files and directories that are open
[[nodiscard]] std::span<const definition> path_functions() noexcept;        // files and directories by name
[[nodiscard]] std::span<const definition> poll_functions() noexcept;        // waiting
[[nodiscard]] std::span<const definition> socket_functions() noexcept;

[[nodiscard]] std::array<std::span<const definition>, 8> groups() noexcept;

}  // namespace weft::wasm::wasi
