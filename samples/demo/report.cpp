#include "report.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include <weft/wasm/cli/quantity.hpp>
#include <weft/wasm/cli/table.hpp>

namespace demo {
namespace {

using weft::cli::format_count;
using weft::cli::format_duration;
using weft::cli::format_size;
using weft::cli::table;

std::string decimals(double value, int count) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", count, value);
  return text;
}

std::string workers_of(const pass& p) { return p.workers == 1 ? "1 worker" : std::to_string(p.workers) + " workers"; }

std::string spread(samples& s) {
  return format_duration(s.percentile(0.5)) + " / " + format_duration(s.percentile(0.99));
}

double speed_up(const findings& f) { return f.together.guests_per_second() / f.alone.guests_per_second(); }

void add_passes(table& t, findings& f) {
  std::vector<pass*> passes{&f.alone};
  if (!f.one_worker_only) passes.push_back(&f.together);
  const auto row = [&](const char* name, const auto& value) {
    std::vector<std::string> cells{name};
    for (pass* p : passes) cells.push_back(value(*p));
    t.row(std::move(cells));
  };
  t.heading(std::to_string(f.alone.guests) + " guests (" + f.languages + ") beside the echo server and the ticker");
  row("", [](pass& p) { return workers_of(p); });
  row("time", [](pass& p) { return format_duration(p.duration); });
  row("guests a second", [](pass& p) { return decimals(p.guests_per_second(), 1); });
  if (!f.one_worker_only) t.row({"speed-up", "", decimals(speed_up(f), 2) + " x"});
  row("fiber switches", [](pass& p) { return format_count(p.totals.switches); });
  row("steals (tasks + fibers)",
      [](pass& p) { return format_count(p.totals.tasks_stolen) + " + " + format_count(p.totals.fibers_stolen); });
  row("ring operations", [](pass& p) { return format_count(p.totals.operations); });
  row("echo messages", [](pass& p) { return format_count(p.echo_messages); });
  row("echo round trip p50 / p99", [](pass& p) { return spread(p.round_trips); });
  row("1 ms ticker, late p50 / p99", [](pass& p) { return spread(p.ticks); });
}

void add_hogs(table& t, findings& f) {
  pass& p = f.hogs;
  t.gap();
  t.heading(std::to_string(p.guests) + " guests that never return hog " +
            (p.workers == 1 ? "the worker" : "every worker") + " for " + format_duration(p.duration));
  const auto row = [&](const char* name, const std::string& value) {
    // In the column of the pass with as many workers.
    t.row(f.one_worker_only ? std::vector<std::string>{name, value} : std::vector<std::string>{name, "", value});
  };
  row("1 ms ticker, late p50 / p99", spread(p.ticks));
  row("echo round trip p50 / p99", spread(p.round_trips));
  row("cancelled, all gone after", format_duration(p.gone_in));
}

std::string verified(const findings& f, bool colour) {
  table t({table::align::left, table::align::left});
  const std::uint64_t messages = f.alone.echo_messages + f.together.echo_messages + f.hogs.echo_messages;
  const std::uint64_t bytes = f.alone.echo_bytes + f.together.echo_bytes + f.hogs.echo_bytes;
  t.heading("Verified");
  t.row({"picture",
         "equals the one drawn natively, and the recorded SHA-256 " + f.picture_checksum.substr(0, 16) + "..."});
  t.row({"primes", "every count equals a native sieve's"});
  t.row(
      {"hashes", format_count(f.files) + " files, " + format_size(f.file_bytes) + ": every SHA-256 equals OpenSSL's"});
  t.row({"echoes", format_count(messages) + " messages, " + format_size(bytes) + ": every byte came back"});
  return t.text(2, colour);
}

nlohmann::ordered_json pass_json(pass& p) {
  const auto microseconds = [](samples& s, double share) {
    return static_cast<double>(s.percentile(share).count()) / 1e3;
  };
  return {{"workers", p.workers},
          {"guests", p.guests},
          {"seconds", std::chrono::duration<double>(p.duration).count()},
          {"guests_per_second", p.guests_per_second()},
          {"switches", p.totals.switches},
          {"tasks_stolen", p.totals.tasks_stolen},
          {"fibers_stolen", p.totals.fibers_stolen},
          {"ring_operations", p.totals.operations},
          {"echo_messages", p.echo_messages},
          {"echo_bytes", p.echo_bytes},
          {"echo_p50_us", microseconds(p.round_trips, 0.5)},
          {"echo_p99_us", microseconds(p.round_trips, 0.99)},
          {"ticks", p.ticks.count()},
          {"ticker_late_p50_us", microseconds(p.ticks, 0.5)},
          {"ticker_late_p99_us", microseconds(p.ticks, 0.99)}};
}

}  // namespace

std::string as_table(findings& f, bool colour) {
  table t({table::align::left, table::align::right, table::align::right});
  add_passes(t, f);
  add_hogs(t, f);
  return t.text(2, colour) + '\n' + verified(f, colour);
}

std::string as_json(findings& f) {
  nlohmann::ordered_json report;
  report["one_worker"] = pass_json(f.alone);
  if (!f.one_worker_only) {
    report["all_workers"] = pass_json(f.together);
    report["speed_up"] = speed_up(f);
  }
  report["hogs"] = pass_json(f.hogs);
  report["hogs"].erase("guests_per_second");
  report["hogs"]["gone_us"] = static_cast<double>(f.hogs.gone_in.count()) / 1e3;
  report["files"] = f.files;
  report["file_bytes"] = f.file_bytes;
  report["picture_sha256"] = f.picture_checksum;
  report["picture"] = f.picture_file.string();
  return report.dump() + '\n';
}

}  // namespace demo
