#include <weft/wasm/cli/cache_command.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include <weft/wasm/cli/flag_value.hpp>
#include <weft/wasm/cli/quantity.hpp>
#include <weft/wasm/cli/table.hpp>
#include <weft/wasm/detail/code_cache.hpp>
#include <weft/wasm/engine.hpp>

namespace weft::cli {
namespace {

using entries = std::vector<wasm::detail::code_cache::entry>;

constexpr const char* explanation = R"(Examples:
  weft cache list
  weft cache prune --unused 720h     what was not used for 30 days goes
  weft cache prune --max-size 100M   and what was not used for longest, until the rest fits
  weft cache prune --all)";

wasm::detail::code_cache open_cache() {
  return {wasm::detail::default_cache_folder(), wasm::engine_options().cache_limit};
}

std::chrono::nanoseconds unused_for(const wasm::detail::code_cache::entry& e) {
  return std::filesystem::file_time_type::clock::now() - e.used;
}

std::uint64_t total_size(const entries& all) {
  std::uint64_t total = 0;
  for (const auto& e : all) total += e.size;
  return total;
}

std::string json_of(const wasm::detail::code_cache& cache, const entries& all) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& e : all) {
    list.push_back({{"module", e.name},
                    {"key", e.path.stem().string()},
                    {"size", e.size},
                    {"unused_seconds", std::chrono::duration<double>(unused_for(e)).count()}});
  }
  const nlohmann::ordered_json whole{
      {"folder", cache.folder().string()}, {"size", total_size(all)}, {"entries", std::move(list)}};
  return whole.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

std::string table_of(const wasm::detail::code_cache& cache, const entries& all) {
  table t({table::align::left, table::align::right, table::align::right, table::align::left});
  t.heading(cache.folder().string());
  for (const auto& e : all) {
    t.row({e.name.empty() ? "?" : e.name, format_size(e.size), format_duration(unused_for(e)) + " ago",
           e.path.stem().string().substr(0, 12)});
  }
  t.row({format_count(all.size()) + (all.size() == 1 ? " module" : " modules"), format_size(total_size(all))});
  return t.text(0, wants_colour(STDOUT_FILENO));
}

}  // namespace

cache_command::cache_command(CLI::App& program)
    : command(program, "cache", "Show or shrink what is kept of compiled modules") {
  app().footer(explanation);
  app().require_subcommand(1);
  list_ = app().add_subcommand("list", "Show what is kept, last used first");
  list_->set_help_flag("-h,--help", "Print this and exit");
  list_->add_flag("--json", json_, "One line of JSON instead of a table");
  prune_ = app().add_subcommand("prune", "Remove what was not used for longest");
  prune_->set_help_flag("-h,--help", "Print this and exit");
  prune_->add_flag("--all", all_, "Remove everything");
  prune_->add_option("--unused", unused_, "Remove what was not used for that time: 720h")->type_name("TIME");
  prune_->add_option("--max-size", max_size_, "Remove until no more than that is left: 100M")->type_name("SIZE");
}

int cache_command::execute() { return list_->parsed() ? list() : prune(); }

int cache_command::list() const {
  const wasm::detail::code_cache cache = open_cache();
  const entries all = cache.entries();
  std::fputs((json_ ? json_of(cache, all) : table_of(cache, all)).c_str(), stdout);
  return 0;
}

int cache_command::prune() const {
  if (!all_ && unused_.empty() && max_size_.empty()) {
    throw usage_error("cache prune: say what is to go: --unused TIME, --max-size SIZE or --all");
  }
  std::chrono::nanoseconds most_unused = std::chrono::nanoseconds::max();
  std::uint64_t size_left = all_ ? 0 : UINT64_MAX;
  read_if_given("--unused", unused_, most_unused, parse_duration);
  read_if_given("--max-size", max_size_, size_left, parse_size);
  const wasm::detail::code_cache::pruned gone = open_cache().prune(size_left, most_unused);
  std::printf("removed %s of %s\n", (format_count(gone.entries) + (gone.entries == 1 ? " module" : " modules")).c_str(),
              format_size(gone.bytes).c_str());
  return 0;
}

}  // namespace weft::cli
