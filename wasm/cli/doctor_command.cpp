#include <weft/wasm/cli/doctor_command.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <weft/io/doctor.hpp>
#include <weft/wasm/cli/exit_code.hpp>
#include <weft/wasm/cli/table.hpp>

namespace weft::cli {
namespace {

std::string table_of(const std::vector<io::finding>& findings, bool colour) {
  table t({table::align::left, table::align::left, table::align::left});
  for (const io::finding& f : findings) {
    t.row({f.name, io::to_string(f.how), f.found});
    if (!f.cause.empty()) t.row({"", "", "because: " + f.cause});
    if (!f.remedy.empty()) t.row({"", "", "remedy:  " + f.remedy});
  }
  return t.text(0, colour);
}

std::string json_of(const std::vector<io::finding>& findings) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const io::finding& f : findings) {
    nlohmann::ordered_json one{{"name", f.name}, {"state", io::to_string(f.how)}, {"found", f.found}};
    if (!f.cause.empty()) one["cause"] = f.cause;
    if (!f.remedy.empty()) one["remedy"] = f.remedy;
    all.push_back(std::move(one));
  }
  return all.dump() + '\n';
}

}  // namespace

doctor_command::doctor_command(CLI::App& program)
    : command(program, "doctor", "Tell what of this machine keeps weft from being fast") {
  app().add_flag("--json", json_, "One line of JSON instead of a table");
}

int doctor_command::execute() {
  const std::vector<io::finding> findings = io::examine();
  const std::string text = json_ ? json_of(findings) : table_of(findings, wants_colour(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  const bool ill = std::any_of(findings.begin(), findings.end(),
                               [](const io::finding& f) { return f.how == io::finding::state::bad; });
  return ill ? exit_code::ill : 0;
}

}  // namespace weft::cli
