// The host's file status and times in the guest's terms.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>

#include <weft/wasm/wasi/types.hpp>

namespace weft::wasm::wasi {

[[nodiscard]] filestat to_filestat(const struct stat& status) noexcept;

// Access and modification time for futimens and its kin: given, now, or left alone. Throws failure{inval} for flags
// that contradict each other.
[[nodiscard]] std::array<timespec, 2> times_of(std::uint64_t access, std::uint64_t modification, std::uint32_t flags);

}  // namespace weft::wasm::wasi
