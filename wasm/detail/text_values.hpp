// Values of functions as text, by their type's letter (i I f F for i32 i64 f32 f64).
#pragma once

#include <string>
#include <string_view>

#include <weft/wasm/detail/engine_shims.h>

namespace weft::wasm::detail {

// Throws std::invalid_argument for text that is no such number, and for other types.
[[nodiscard]] weft_value value_of_text(char type, std::string_view text);
[[nodiscard]] std::string text_of_value(char type, const weft_value& value);

}  // namespace weft::wasm::detail
