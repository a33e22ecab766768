#include <weft/wasm/error.hpp>

#include <array>
#include <cstdio>
#include <utility>

namespace weft::wasm {

namespace {

std::string hexadecimal(std::uint64_t number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::string format_frame(std::size_t number, const trap_frame& frame) {
  std::string line = "  " + std::to_string(number) + ": " + hexadecimal(frame.offset) + " in ";
  line += frame.function.empty() ? "function " + std::to_string(frame.function_index) : frame.function;
  if (!frame.module.empty()) line += " (" + frame.module + ")";
  if (!frame.file.empty()) {
    line += " at " + frame.file + ":" + std::to_string(frame.line);
    if (frame.column != 0) line += ":" + std::to_string(frame.column);
  }
  return line;
}

bool is_same_place(const trap_frame& a, const trap_frame& b) {
  return a.function_index == b.function_index && a.offset == b.offset && a.function == b.function;
}

std::string describe(const std::string& guest, const std::string& reason, const std::vector<trap_frame>& frames) {
  std::string text = "guest '" + guest + "' trapped: " + reason;
  if (!frames.empty()) text += "\n" + format_backtrace(frames);
  return text;
}

}  // namespace

std::string format_backtrace(const std::vector<trap_frame>& frames) {
  std::string text;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i != 0) text += '\n';
    text += format_frame(i, frames[i]);
    // Endless recursion repeats a frame to the end of the stack.
    std::size_t same = 0;
    while (i + 1 < frames.size() && is_same_place(frames[i], frames[i + 1])) {
      ++same;
      ++i;
    }
    if (same != 0) text += "\n     and " + std::to_string(same) + " more of the same";
  }
  return text;
}

trap::trap(trap_code code, const std::string& guest, std::string reason, std::vector<trap_frame> frames,
           std::exception_ptr cause)
    : std::runtime_error(describe(guest, reason, frames)),
      code_(code),
      reason_(std::move(reason)),
      frames_(std::move(frames)),
      cause_(std::move(cause)) {}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> units = {"bytes", "KiB", "MiB", "GiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < units.size()) {
    amount /= 1024;
    ++unit;
  }
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.4g %s", amount, units.at(unit));
  return text.data();
}

}  // namespace weft::wasm
