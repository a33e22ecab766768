#include <weft/wasm/detail/limit.hpp>

#include <array>
#include <cstdio>

namespace weft::wasm::detail {

namespace {

std::string how_to_raise(const std::string& option, const std::string& flag) {
  return "; raise it with " + option + ", on the command line " + flag;
}

std::string raise_limit(const std::string& field, const std::string& flag) {
  return how_to_raise("guest_options::limits." + field, flag);
}

std::string format_time(std::chrono::nanoseconds time) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.6g s", std::chrono::duration<double>(time).count());
  return text.data();
}

}  // namespace

std::string memory_limit_reason(std::uint64_t limit) {
  return "it wanted more memory than its limit of " + format_bytes(limit) + raise_limit("memory", "--memory");
}

std::string stack_reason(const std::string& words_of_the_engine) {
  return words_of_the_engine + how_to_raise("engine_options::stack_size", "--stack");
}

std::string limit_reason(trap_code code, const guest_limits& limits) {
  switch (code) {
    case trap_code::table_limit:
      return "it wanted more table elements than its limit of " + std::to_string(limits.table_elements) +
             raise_limit("table_elements", "--max-table-elements");
    case trap_code::descriptor_limit:
      return "it opened more descriptors than its limit of " + std::to_string(limits.descriptors) +
             raise_limit("descriptors", "--max-descriptors");
    case trap_code::output_limit:
      return "it wrote more than its limit of " + format_bytes(limits.output) + raise_limit("output", "--max-output");
    case trap_code::cpu_limit:
      return "it used more CPU time than its limit of " + format_time(limits.cpu_time) +
             raise_limit("cpu_time", "--cpu-time");
    case trap_code::time_limit:
      return "it ran longer than its limit of " + format_time(limits.wall_time) +
             raise_limit("wall_time", "--wall-time");
    default:
      return memory_limit_reason(limits.memory);
  }
}

}  // namespace weft::wasm::detail
