// How the functions of this module say what went wrong, in their two forms.
#pragma once

#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace weft::io::detail {

// 'path', for messages.
[[nodiscard]] std::string quoted(const std::filesystem::path& path);

// Throws std::system_error: "weft::io: cannot <what>: <why>". The errno is positive.
[[noreturn]] void fail(int error, const std::string& what);

[[nodiscard]] inline std::error_code code_of(int error) noexcept { return {error, std::generic_category()}; }

// f's result, with the std::system_error that it throws in `error`: the other form of functions that seldom fail.
template <class F>
std::invoke_result_t<F&> reported(std::error_code& error, F&& f) {
  error.clear();
  try {
    return f();
  } catch (const std::system_error& e) {
    error = e.code();
  }
  return std::invoke_result_t<F&>();
}

}  // namespace weft::io::detail
