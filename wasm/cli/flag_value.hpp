// How the value of a flag is read; what is wrong with it is said with the flag's name.
#pragma once

#include <stdexcept>
#include <string>

#include <weft/wasm/cli/usage_error.hpp>

namespace weft::cli {

// parse(text), where std::invalid_argument becomes a usage_error.
template <class Parse>
auto read_value(const char* flag, const std::string& text, Parse&& parse) {
  try {
    return parse(text);
  } catch (const std::invalid_argument& e) {
    throw usage_error(std::string(flag) + ": " + e.what());
  }
}

// The same into a variable that keeps its value if the flag was not given.
template <class T, class Parse>
void read_if_given(const char* flag, const std::string& text, T& into, Parse&& parse) {
  if (!text.empty()) into = read_value(flag, text, parse);
}

}  // namespace weft::cli
