#include <weft/wasm/inspect.hpp>

#include <stdexcept>

#include <weft/wasm/detail/handles.hpp>
#include <weft/wasm/detail/own_functions.hpp>

namespace weft::wasm {

std::string inspect(std::span<const std::byte> file) {
  detail::weft_error* raw = nullptr;
  const detail::bytes_handle text(detail::weft_inspect(detail::to_slice(file), &raw));
  if (const detail::error_handle error(raw); error) throw std::runtime_error(std::string(detail::message_of(error)));
  return std::string(detail::to_view(detail::weft_bytes_view(text.get())));
}

bool provides_import(std::string_view module, std::string_view name) noexcept { return detail::provides_itself(module, name); }

}  // namespace weft::wasm
