// The guest's memory as host functions see it: every access is checked against its size, here and nowhere else.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include <weft/wasm/wasi/types.hpp>

namespace weft::wasm::wasi {

static_assert(std::endian::native == std::endian::little, "WebAssembly's memory is little-endian");

// Ends a host function with an error of the guest's making; caught where host functions are called.
struct failure {
  errc code;
};

// Valid as long as the guest does not run: during a host function, and during the wait that it ended with. Throws
// failure{fault} for what lies outside.
class guest_memory {
 public:
  guest_memory(std::uint8_t* base, std::size_t bytes) noexcept : base_(base), size_(bytes) {}

  [[nodiscard]] std::span<std::byte> bytes(pointer at, std::uint64_t length) const {
    if (at > size_ || length > size_ - at) throw failure{errc::fault};
    return {reinterpret_cast<std::byte*>(base_ + at), static_cast<std::size_t>(length)};
  }

  [[nodiscard]] std::string_view text(pointer at, size length) const {
    const auto content = bytes(at, length);
    return {reinterpret_cast<const char*>(content.data()), content.size()};
  }

  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T load(pointer at) const {
    T value;
    std::memcpy(&value, bytes(at, sizeof(T)).data(), sizeof(T));
    return value;
  }

  template <class T>
    requires std::is_trivially_copyable_v<T>
  void store(pointer at, const T& value) const {
    std::memcpy(bytes(at, sizeof(T)).data(), &value, sizeof(T));
  }

 private:
  std::uint8_t* base_;
  std::size_t size_;
};

// Where an element of an array lies; an array that passes the end of the address space is a fault.
[[nodiscard]] inline pointer element(pointer array, std::uint64_t index, std::size_t element_size) {
  const std::uint64_t at = array + index * element_size;
  if (at > UINT32_MAX) throw failure{errc::fault};
  return static_cast<pointer>(at);
}

}  // namespace weft::wasm::wasi
