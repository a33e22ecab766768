// Reading memory that may be changing, or gone: the kernel copies it, so that a bad address is an answer and not a crash.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

namespace weft::detail {

// Copies `size` bytes; false if not all of them can be read. A system call, about half a microsecond. Any thread.
[[nodiscard]] bool peek(const void* from, void* to, std::size_t size) noexcept;

template <class T>
[[nodiscard]] std::optional<T> peek(const T* from) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  std::optional<T> value(std::in_place);
  const auto bytes = std::as_writable_bytes(std::span(&*value, 1));
  if (!peek(static_cast<const void*>(from), bytes.data(), bytes.size())) value.reset();
  return value;
}

// As peek(), nullptr where it cannot be read.
template <class T>
[[nodiscard]] T* peek_pointer(T* const* from) noexcept {
  return peek(from).value_or(nullptr);
}

// What can be read of a text, 200 bytes at most: up to its zero, and of `size` bytes.
[[nodiscard]] std::string peek_text(const char* from, std::size_t size = 200);

}  // namespace weft::detail
