#include <weft/wasm/cli/flag_list.hpp>

namespace weft::cli {
namespace {

flag_description describe_flag(const CLI::Option& option) {
  flag_description d;
  for (const std::string& name : option.get_snames()) d.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) d.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) d.value = option.get_type_name();
  d.help = option.get_description();
  return d;
}

void add(const CLI::App& app, const std::string& name, std::vector<command_description>& list) {
  command_description d{name, app.get_description(), app.get_footer(), {}, {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      d.positional = option->get_name();
    } else {
      d.flags.push_back(describe_flag(*option));
    }
  }
  const auto parts = app.get_subcommands([](const CLI::App* part) { return !part->get_name().empty(); });
  for (const CLI::App* part : parts) d.parts.push_back(part->get_name());
  list.push_back(std::move(d));
  for (const CLI::App* part : parts) add(*part, name.empty() ? part->get_name() : name + " " + part->get_name(), list);
}

}  // namespace

std::vector<command_description> describe(const CLI::App& program) {
  std::vector<command_description> list;
  add(program, "", list);
  return list;
}

}  // namespace weft::cli
