// Literals for amounts of memory: 64_MiB.
#pragma once

#include <cstdint>

namespace weft {

inline namespace literals {

constexpr std::uint64_t operator""_KiB(unsigned long long n) noexcept { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) noexcept { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) noexcept { return n << 30; }

}  // namespace literals

}  // namespace weft
