#include <weft/wasm/guest.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/wasm/detail/compiled.hpp>
#include <weft/wasm/detail/execution.hpp>
#include <weft/wasm/detail/links.hpp>
#include <weft/wasm/detail/text_values.hpp>
#include <weft/wasm/wasi/context.hpp>

namespace weft::wasm {

namespace {

void check_text(const std::string& text, const char* what) {
  if (text.find('\0') == std::string::npos) return;
  throw std::invalid_argument(std::string("a guest's ") + what + " cannot contain a null character");
}

void check(const guest_options& options) {
  check_text(options.name, "name");
  for (const std::string& argument : options.arguments) check_text(argument, "argument");
  for (const auto& [name, value] : options.environment) {
    check_text(name, "environment");
    check_text(value, "environment");
    if (name.empty() || name.find('=') != std::string::npos) {
      throw std::invalid_argument("'" + name + "' cannot be the name of an environment variable");
    }
  }
}

bool needs_wasi(const detail::compiled& code) noexcept { return !code.imports().empty(); }

detail::weft_value to_value(char kind, std::int64_t number) noexcept {
  detail::weft_value value = {};
  if (kind == 'i') {
    value.i32 = static_cast<std::int32_t>(number);
  } else {
    value.i64 = number;
  }
  return value;
}

std::int64_t from_value(char kind, const detail::weft_value& value) noexcept {
  return kind == 'i' ? value.i32 : value.i64;
}

struct signature {
  std::string parameters;
  std::string results;
};

bool is_integers(std::string_view letters) noexcept {
  return letters.find_first_not_of("iI") == std::string_view::npos;
}

signature split(const std::string& kind) {
  const std::size_t colon = kind.find(':');
  return {kind.substr(0, colon), kind.substr(colon + 1)};
}

}  // namespace

struct guest::state {
  module code;
  guest_options options;
  std::string name;
  guest_statistics statistics;

  state(module m, guest_options o) : code(std::move(m)), options(std::move(o)) {
    name = options.name.empty() ? code.name() : options.name;
  }

  // Calls a function in a fresh instance. The exit code if the guest called for its end.
  std::optional<int> call(std::string_view function, std::span<const detail::weft_value> arguments,
                          std::span<detail::weft_value> results);

  [[nodiscard]] std::uint64_t memory_limit(detail::module_core& core) const noexcept {
    return options.limits.memory != 0 ? options.limits.memory : core.engine().options().default_memory_limit;
  }

  [[nodiscard]] std::vector<detail::preloaded> preloads() const {
    std::vector<detail::preloaded> list;
    for (const auto& [alias, m] : options.preloads) list.push_back({alias, m.core_.get()});
    return list;
  }

  [[nodiscard]] module_error no_function(std::string_view function, const std::string& why) const {
    return {module_fault::missing_export,
            "'" + code.name() + "' exports no function '" + std::string(function) + "'" + why};
  }
};

guest::guest(module m, guest_options options) : state_(std::make_unique<state>(std::move(m), std::move(options))) {
  check(state_->options);
  if (state_->options.preloads.empty()) {
    static_cast<void>(state_->code.core_->code().ready(state_->code.name()));
  } else {
    detail::check_links(*state_->code.core_, state_->preloads());
  }
}

guest::~guest() = default;
guest::guest(guest&&) noexcept = default;
guest& guest::operator=(guest&&) noexcept = default;

namespace {

// Runs `body` with an instance; whole lines of output that are still held back are written whether the guest ends well
// or traps, but not when it is cancelled, for then nothing may wait.
template <class Body>
std::optional<int> with_instance(detail::module_core& core, wasi::context& context, std::uint64_t limit,
                                 std::vector<detail::preloaded> preloads, const std::string& name,
                                 guest_statistics& statistics, Body&& body) {
  struct keep {
    detail::execution& from;
    guest_statistics& to;
    ~keep() { to = from.statistics(); }
  };
  try {
    detail::execution run(core, std::move(preloads), context, limit, name);
    const keep kept{run, statistics};
    std::optional<int> exit_code = run.ended_early();
    if (!exit_code) exit_code = body(run);
    context.flush();
    return exit_code;
  } catch (const trap&) {
    context.flush();
    throw;
  }
}

}  // namespace

std::optional<int> guest::state::call(std::string_view function, std::span<const detail::weft_value> arguments,
                                      std::span<detail::weft_value> results) {
  detail::module_core& core = *code.core_;
  const auto body = [&](detail::execution& run) -> std::optional<int> {
    if (core.code().function_kind("_initialize") == ":") {
      if (const auto ended = run.call("_initialize", {}, {})) return ended;
    }
    return run.call(function, arguments, results);
  };
  wasi::context context(options, name);
  if (needs_wasi(core.code()) || !options.preloads.empty()) context.open();
  return with_instance(core, context, memory_limit(core), preloads(), name, statistics, body);
}

int guest::run() {
  detail::module_core& core = *state_->code.core_;
  const std::optional<std::string> kind = core.code().function_kind("_start");
  if (!kind || *kind != ":") {
    throw state_->no_function("_start",
                              ": it is a library, not a program; call its functions, or build it as a command");
  }
  wasi::context context(state_->options, state_->name);
  context.open();
  const auto start = [](detail::execution& run) { return run.call("_start", {}, {}); };
  return with_instance(core, context, state_->memory_limit(core), state_->preloads(), state_->name, state_->statistics,
                       start)
      .value_or(0);
}

std::optional<std::int64_t> guest::call(std::string_view function, std::initializer_list<std::int64_t> arguments) {
  detail::module_core& core = *state_->code.core_;
  const std::optional<std::string> kind = core.code().function_kind(function);
  if (!kind) throw state_->no_function(function, "");
  const signature type = split(*kind);
  if (!is_integers(type.parameters) || !is_integers(type.results) || type.results.size() > 1 ||
      type.parameters.size() != arguments.size()) {
    throw state_->no_function(function, " of " + std::to_string(arguments.size()) + " integers; its type is " + *kind);
  }
  std::vector<detail::weft_value> values;
  values.reserve(arguments.size());
  for (const std::int64_t argument : arguments) values.push_back(to_value(type.parameters[values.size()], argument));
  std::array<detail::weft_value, 1> results = {};
  const std::optional<int> exit_code = state_->call(function, values, std::span(results).first(type.results.size()));
  if (exit_code || type.results.empty()) return std::nullopt;
  return from_value(type.results[0], results[0]);
}

text_results guest::call_with_text(std::string_view function, const std::vector<std::string>& arguments) {
  detail::module_core& core = *state_->code.core_;
  const std::optional<std::string> kind = core.code().function_kind(function);
  if (!kind) throw state_->no_function(function, "");
  const signature type = split(*kind);
  if (type.parameters.size() != arguments.size()) {
    throw state_->no_function(function, " of " + std::to_string(arguments.size()) + " parameters; it has " +
                                            std::to_string(type.parameters.size()));
  }
  std::vector<detail::weft_value> values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    values.push_back(detail::value_of_text(type.parameters[i], arguments[i]));
  }
  std::vector<detail::weft_value> results(type.results.size());
  const std::optional<int> exit_code = state_->call(function, values, results);
  if (exit_code) return {{}, *exit_code};
  text_results texts;
  for (std::size_t i = 0; i < results.size(); ++i) {
    texts.values.push_back(detail::text_of_value(type.results[i], results[i]));
  }
  return texts;
}

const guest_statistics& guest::statistics() const noexcept { return state_->statistics; }

}  // namespace weft::wasm
