#include <weft/wasm/cli/report.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <weft/wasm/cli/quantity.hpp>
#include <weft/wasm/cli/table.hpp>

namespace weft::cli {
namespace {

std::uint64_t peak_memory(const copies_result& result) {
  std::uint64_t peak = 0;
  for (const copy_result& copy : result.copies) peak = std::max(peak, copy.peak_memory);
  return peak;
}

std::size_t count(const copies_result& result, ending how) {
  return static_cast<std::size_t>(
      std::count_if(result.copies.begin(), result.copies.end(), [how](const copy_result& c) { return c.how == how; }));
}

}  // namespace

std::string failures_text(const copies_result& result) {
  std::string text;
  for (std::size_t i = 0; i < result.copies.size(); ++i) {
    const std::string& message = result.copies[i].message;
    if (message.empty()) continue;
    text += "weft: " + (result.copies.size() > 1 ? "copy " + std::to_string(i) + ": " : "") + message;
    if (text.back() != '\n') text += '\n';
  }
  return text;
}

std::string statistics_table(const run_report& report, bool colour) {
  const worker_statistics total = report.runtime.total();
  table t({table::align::left, table::align::right});
  t.heading("weft run");
  t.row({"time", format_duration(report.result.duration)});
  t.row({"copies", format_count(report.result.copies.size())});
  for (const ending how : {ending::trapped, ending::failed, ending::cancelled}) {
    if (const std::size_t n = count(report.result, how); n > 0)
      t.row({std::string("  ") + to_string(how), format_count(n)});
  }
  t.row({"peak memory of a copy", format_size(peak_memory(report.result))});
  t.row({"workers", format_count(report.runtime.workers_wanted)});
  t.row({"switches", format_count(total.switches)});
  t.row({"tasks stolen", format_count(total.tasks_stolen)});
  t.row({"fibers stolen", format_count(total.fibers_stolen)});
  t.row({"ring operations", format_count(total.operations)});
  return t.text(0, colour);
}

std::string json_line(const run_report& report) {
  const worker_statistics total = report.runtime.total();
  nlohmann::ordered_json copies = nlohmann::ordered_json::array();
  for (const copy_result& copy : report.result.copies) {
    nlohmann::ordered_json one{
        {"ended", to_string(copy.how)}, {"exit_code", copy.exit_code}, {"peak_memory", copy.peak_memory}};
    if (!copy.message.empty()) one["message"] = copy.message;
    copies.push_back(std::move(one));
  }
  const nlohmann::ordered_json line{{"exit_code", report.exit_code},
                                    {"timed_out", report.result.timed_out},
                                    {"seconds", std::chrono::duration<double>(report.result.duration).count()},
                                    {"workers", report.runtime.workers_wanted},
                                    {"switches", total.switches},
                                    {"tasks_stolen", total.tasks_stolen},
                                    {"fibers_stolen", total.fibers_stolen},
                                    {"ring_operations", total.operations},
                                    {"copies", std::move(copies)}};
  // Names and messages may come from the guest: bytes that are no UTF-8 must not stop the report.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace weft::cli
