#include <weft/wasm/cli/report.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <weft/wasm/cli/quantity.hpp>
#include <weft/wasm/cli/table.hpp>

namespace weft::cli {
namespace {

std::uint64_t peak_memory(const copies_result& result) {
  std::uint64_t peak = 0;
  for (const copy_result& copy : result.copies) peak = std::max(peak, copy.statistics.peak_memory);
  return peak;
}

wasm::guest_statistics sum_of(const copies_result& result) {
  wasm::guest_statistics sum;
  for (const copy_result& copy : result.copies) {
    sum.cpu_time += copy.statistics.cpu_time;
    sum.bytes_read += copy.statistics.bytes_read;
    sum.bytes_written += copy.statistics.bytes_written;
  }
  return sum;
}

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

nlohmann::ordered_json json_of(const copy_result& copy) {
  nlohmann::ordered_json one{{"ended", to_string(copy.how)},
                             {"exit_code", copy.exit_code},
                             {"cpu_seconds", seconds(copy.statistics.cpu_time)},
                             {"peak_memory", copy.statistics.peak_memory},
                             {"bytes_read", copy.statistics.bytes_read},
                             {"bytes_written", copy.statistics.bytes_written}};
  if (!copy.message.empty()) one["message"] = copy.message;
  return one;
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
  const wasm::guest_statistics sum = sum_of(report.result);
  t.row({"CPU time of guests", format_duration(sum.cpu_time)});
  t.row({"peak memory of a copy", format_size(peak_memory(report.result))});
  t.row({"read", format_size(sum.bytes_read)});
  t.row({"written", format_size(sum.bytes_written)});
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
  for (const copy_result& copy : report.result.copies) copies.push_back(json_of(copy));
  const wasm::guest_statistics sum = sum_of(report.result);
  const nlohmann::ordered_json line{{"exit_code", report.exit_code},
                                    {"timed_out", report.result.timed_out},
                                    {"seconds", seconds(report.result.duration)},
                                    {"cpu_seconds", seconds(sum.cpu_time)},
                                    {"peak_memory", peak_memory(report.result)},
                                    {"bytes_read", sum.bytes_read},
                                    {"bytes_written", sum.bytes_written},
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
