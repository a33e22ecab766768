#include <weft/wasm/cli/inspect_command.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/wasm/cli/exit_code.hpp>
#include <weft/wasm/cli/flag_value.hpp>
#include <weft/wasm/cli/quantity.hpp>
#include <weft/wasm/cli/table.hpp>
#include <weft/wasm/detail/files.hpp>
#include <weft/wasm/inspect.hpp>

namespace weft::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* explanation = R"(Examples:
  weft inspect app.wasm
  weft inspect --functions 100 app.wasm
  weft inspect --json app.wasm | jq '.imports[] | select(.provided | not)'

The exit code is 0, or 2 if the file cannot be read as WebAssembly; a module that is damaged is shown as far as it goes.)";

// What the module says of the interface it was built for.
std::string wasi_level(const json& module) {
  if (module["kind"] == "component") return "0.2 or later (a component)";
  const auto imports_from = [&](std::string_view prefix) {
    return std::any_of(module["imports"].begin(), module["imports"].end(), [&](const json& item) {
      return item["module"].get_ref<const std::string&>().starts_with(prefix);
    });
  };
  if (imports_from("wasi_snapshot_preview1")) return "preview 1";
  if (imports_from("wasi_unstable")) return "the draft before preview 1";
  if (imports_from("wasi:")) return "0.2 or later";
  return "none";
}

void add_what_is_known_here(json& module) {
  for (json& item : module["imports"]) {
    item["provided"] = wasm::provides_import(item["module"].get<std::string>(), item["name"].get<std::string>());
  }
  module["wasi"] = wasi_level(module);
}

std::string text_of(const json& value) { return value.is_string() ? value.get<std::string>() : ""; }

std::string range_of(const json& item, std::string (*format)(std::uint64_t)) {
  const std::string minimum = format(item["minimum"].get<std::uint64_t>());
  if (item["maximum"].is_null()) return minimum + ", growing without a limit of its own";
  return minimum + " to " + format(item["maximum"].get<std::uint64_t>());
}

std::string memory_text(const json& item) {
  std::string text = range_of(item, format_size);
  if (item["address_bits"] == 64) text += ", 64-bit";
  if (item["shared"] == true) text += ", shared";
  if (item["imported"] == true) text += ", imported";
  return text;
}

std::string table_text(const json& item) {
  return range_of(item, format_count) + " elements of " + text_of(item["type"]) +
         (item["imported"] == true ? ", imported" : "");
}

std::string summary(const json& module, bool colour) {
  table t({table::align::left, table::align::left});
  t.row({"kind", text_of(module["kind"])});
  t.row({"size", format_size(module["size"].get<std::uint64_t>())});
  t.row({"WASI", text_of(module["wasi"])});
  for (const json& item : module["memories"]) t.row({"memory", memory_text(item)});
  for (const json& item : module["tables"]) t.row({"table", table_text(item)});
  for (const auto& [field, values] : module["producers"].items()) {
    std::string list;
    for (const json& value : values) list += (list.empty() ? "" : ", ") + text_of(value);
    t.row({field, list});
  }
  if (!module["problem"].is_null()) t.row({"problem", text_of(module["problem"])});
  return t.text(0, colour);
}

std::string imports_table(const json& module, bool colour) {
  if (module["imports"].empty()) return "";
  table t({table::align::left, table::align::left, table::align::left});
  t.heading("imports");
  for (const json& item : module["imports"]) {
    t.row({text_of(item["module"]) + "." + text_of(item["name"]), item["provided"] == true ? "provided" : "missing",
           text_of(item["kind"]) + " " + text_of(item["type"])});
  }
  return "\n" + t.text(0, colour);
}

std::string exports_table(const json& module, bool colour) {
  if (module["exports"].empty()) return "";
  table t({table::align::left, table::align::left});
  t.heading("exports");
  for (const json& item : module["exports"]) {
    t.row({text_of(item["name"]), text_of(item["kind"]) + " " + text_of(item["type"])});
  }
  return "\n" + t.text(0, colour);
}

std::string sections_table(const json& module, bool colour) {
  table t({table::align::left, table::align::right});
  t.heading("sections");
  for (const json& item : module["sections"]) {
    t.row({text_of(item["name"]) + (item["custom"] == true ? " (custom)" : ""),
           format_size(item["size"].get<std::uint64_t>())});
  }
  return "\n" + t.text(0, colour);
}

std::string functions_table(const json& module, std::size_t most, bool colour) {
  const json& all = module["functions"];
  if (all.empty() || most == 0) return "";
  table t({table::align::left, table::align::right});
  t.heading("functions by size");
  for (std::size_t i = 0; i < std::min(most, all.size()); ++i) {
    const json& item = all[i];
    const std::string number = "function " + std::to_string(item["index"].get<std::uint64_t>());
    t.row({item["name"].is_string() ? text_of(item["name"]) : number, format_size(item["size"].get<std::uint64_t>())});
  }
  if (all.size() > most) t.row({"and " + format_count(all.size() - most) + " more"});
  return "\n" + t.text(0, colour);
}

json look_into(const std::string& file) {
  try {
    return json::parse(wasm::inspect(wasm::detail::read_whole(file)));
  } catch (const std::system_error& e) {
    throw usage_error(e.what());
  }
}

}  // namespace

inspect_command::inspect_command(CLI::App& program)
    : command(program, "inspect", "Show what a module imports, exports and consists of") {
  app().footer(explanation);
  app().add_option("MODULE", module_, "The .wasm file")->required();
  app().add_option("--functions", functions_, "Show so many of the largest functions (default 20)")->type_name("N");
  app().add_flag("--json", json_, "One line of JSON with everything instead of tables");
}

int inspect_command::execute() {
  unsigned most = 20;
  read_if_given("--functions", functions_, most,
                [](const std::string& text) { return parse_number(text, 0, 10'000'000); });
  json module = look_into(module_);
  if (module["sections"].empty() && !module["problem"].is_null()) {
    throw usage_error("'" + module_ + "' is not WebAssembly: " + text_of(module["problem"]));
  }
  add_what_is_known_here(module);
  if (json_) {
    std::fputs((module.dump(-1, ' ', false, json::error_handler_t::replace) + '\n').c_str(), stdout);
    return 0;
  }
  const bool colour = wants_colour(STDOUT_FILENO);
  const std::string text = summary(module, colour) + imports_table(module, colour) + exports_table(module, colour) +
                           sections_table(module, colour) + functions_table(module, most, colour);
  std::fputs(text.c_str(), stdout);
  return module["problem"].is_null() ? 0 : exit_code::usage;
}

}  // namespace weft::cli
