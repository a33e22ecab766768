// The engine library's objects as values with owners.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <weft/wasm/detail/engine_shims.h>

namespace weft::wasm::detail {

template <auto Delete>
struct deleter {
  template <class T>
  void operator()(T* object) const noexcept {
    Delete(object);
  }
};

using bytes_handle = std::unique_ptr<weft_bytes, deleter<weft_bytes_delete>>;
using error_handle = std::unique_ptr<weft_error, deleter<weft_error_delete>>;
using engine_handle = std::unique_ptr<weft_engine, deleter<weft_engine_delete>>;
using module_handle = std::unique_ptr<weft_module, deleter<weft_module_delete>>;
using linker_handle = std::unique_ptr<weft_linker, deleter<weft_linker_delete>>;
using prepared_handle = std::unique_ptr<weft_prepared, deleter<weft_prepared_delete>>;
using function_handle = std::unique_ptr<weft_function, deleter<weft_function_delete>>;
using guest_handle = std::unique_ptr<weft_guest, deleter<weft_guest_delete>>;

inline weft_slice to_slice(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline weft_slice to_slice(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string_view to_view(weft_slice slice) noexcept {
  return slice.size == 0 ? std::string_view() : std::string_view(slice.data, slice.size);
}

inline std::span<const std::byte> to_bytes(weft_slice slice) noexcept {
  return std::as_bytes(std::span(slice.data, slice.size));
}

inline std::string_view message_of(const error_handle& error) noexcept {
  return to_view(weft_error_message(error.get()));
}

}  // namespace weft::wasm::detail
