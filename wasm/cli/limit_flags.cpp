#include <weft/wasm/cli/limit_flags.hpp>

#include <weft/wasm/cli/flag_value.hpp>
#include <weft/wasm/cli/quantity.hpp>

namespace weft::cli {

void limit_flags::add_to(CLI::App& command) {
  const auto add = [&command](const char* flag, std::string& into, const char* value, const char* help) {
    command.add_option(flag, into, help)->type_name(value);
  };
  add("--memory", memory_, "SIZE", "Most memory that a copy may have: 64M, 1G");
  add("--max-table-elements", table_elements_, "N", "Most elements of all tables of a copy together");
  add("--max-descriptors", descriptors_, "N", "Most descriptors that a copy may have open");
  add("--max-output", output_, "SIZE", "Most that a copy may write, to streams, files and sockets together");
  add("--cpu-time", cpu_time_, "TIME", "Most time that a copy may compute; waiting does not count");
  add("--wall-time", wall_time_, "TIME", "Most time that a copy may take, waiting included");
}

wasm::guest_limits limit_flags::read() const {
  wasm::guest_limits limits;
  read_if_given("--memory", memory_, limits.memory, parse_size);
  read_if_given("--max-table-elements", table_elements_, limits.table_elements,
                [](const std::string& text) { return parse_number(text, 1, 4'000'000'000U); });
  read_if_given("--max-descriptors", descriptors_, limits.descriptors,
                [](const std::string& text) { return parse_number(text, 1, 65'536); });
  read_if_given("--max-output", output_, limits.output, parse_size);
  read_if_given("--cpu-time", cpu_time_, limits.cpu_time, parse_duration);
  read_if_given("--wall-time", wall_time_, limits.wall_time, parse_duration);
  return limits;
}

}  // namespace weft::cli
