// Hooks that make blocking C libraries yield: what a program can ask about them. They are there because the program links weft::hooks, and need no call; see
// docs/blocking-libraries.md. A hook outside of a fiber is the real call and costs a few nanoseconds more.
#pragma once

#include <span>
#include <string_view>

namespace weft::io::hooks {

// The C library's functions that have one, by the names that a dynamic linker knows, in alphabetical order. Any thread; does not park.
[[nodiscard]] std::span<const std::string_view> hooked_functions() noexcept;

// True if the dynamic linker finds that function in this program or a library that is preloaded, before the C library's own; so libraries call it. Any
// thread; does not park, and is not for signal handlers.
[[nodiscard]] bool is_hooked(std::string_view function);

}  // namespace weft::io::hooks
