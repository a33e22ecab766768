#include <weft/wasm/guest.hpp>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/wasm/detail/program.hpp>
#include <weft/wasm/detail/text_values.hpp>
#include <weft/wasm/instance.hpp>

namespace weft::wasm {

namespace {

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
  std::string_view parameters;
  std::string_view results;
};

bool is_integers(std::string_view letters) noexcept {
  return letters.find_first_not_of("iI") == std::string_view::npos;
}

signature split(std::string_view kind) noexcept {
  const std::size_t colon = kind.find(':');
  return {kind.substr(0, colon), kind.substr(colon + 1)};
}

}  // namespace

guest::guest(module m, guest_options options)
    : program_(std::make_shared<const detail::program>(std::move(m), std::move(options))) {}

namespace {

// Runs `body` with an instance; whole lines of output that are still held back are written whether the guest ends well
// or traps, but not when it is cancelled, for then nothing may wait.
template <class Body>
std::optional<int> with_instance(const detail::program& program, guest_statistics& statistics, Body&& body) {
  struct keep {
    const std::optional<detail::execution>& from;
    guest_statistics& to;
    ~keep() {
      if (from) to = from->statistics();
    }
  };
  wasi::context context = program.make_context();
  try {
    std::optional<detail::execution> run;
    const keep kept{run, statistics};
    program.start(run, context);
    std::optional<int> exit_code = run->ended_early();
    if (!exit_code) exit_code = body(*run);
    context.flush();
    return exit_code;
  } catch (const trap&) {
    context.flush();
    throw;
  }
}

}  // namespace

int guest::run() {
  if (program_->function_kind(detail::entry_point) != ":") {
    throw program_->no_function(detail::entry_point,
                                ": it is a library, not a program; call its functions, or build it as a command");
  }
  const auto start = [](detail::execution& run) { return run.call(detail::entry_point, {}, {}); };
  return with_instance(*program_, statistics_, start).value_or(0);
}

namespace {

std::optional<int> make_ready_and_call(const detail::program& program, detail::execution& run,
                                       std::string_view function, std::span<const detail::weft_value> arguments,
                                       std::span<detail::weft_value> results) {
  if (program.function_kind(detail::initializer) == ":") {
    if (const auto ended = run.call(detail::initializer, {}, {})) return ended;
  }
  return run.call(function, arguments, results);
}

}  // namespace

std::optional<std::int64_t> guest::call(std::string_view function, std::initializer_list<std::int64_t> arguments) {
  const detail::program& program = *program_;
  const std::optional<std::string_view> kind = program.function_kind(function);
  if (!kind) throw program.no_function(function, "");
  const signature type = split(*kind);
  if (!is_integers(type.parameters) || !is_integers(type.results) || type.results.size() > 1 ||
      type.parameters.size() != arguments.size()) {
    throw program.no_function(function, " of " + std::to_string(arguments.size()) + " integers; its type is " +
                                            detail::readable_signature(*kind));
  }
  std::vector<detail::weft_value> values;
  values.reserve(arguments.size());
  for (const std::int64_t argument : arguments) values.push_back(to_value(type.parameters[values.size()], argument));
  std::array<detail::weft_value, 1> results = {};
  const auto body = [&](detail::execution& run) {
    return make_ready_and_call(program, run, function, values, std::span(results).first(type.results.size()));
  };
  const std::optional<int> exit_code = with_instance(program, statistics_, body);
  if (exit_code || type.results.empty()) return std::nullopt;
  return from_value(type.results[0], results[0]);
}

text_results guest::call_with_text(std::string_view function, const std::vector<std::string>& arguments) {
  const detail::program& program = *program_;
  const std::optional<std::string_view> kind = program.function_kind(function);
  if (!kind) throw program.no_function(function, "");
  const signature type = split(*kind);
  if (type.parameters.size() != arguments.size()) {
    throw program.no_function(function, " of " + std::to_string(arguments.size()) + " parameters; its type is " +
                                            detail::readable_signature(*kind));
  }
  std::vector<detail::weft_value> values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    values.push_back(detail::value_of_text(type.parameters[i], arguments[i]));
  }
  std::vector<detail::weft_value> results(type.results.size());
  const auto body = [&](detail::execution& run) {
    return make_ready_and_call(program, run, function, values, results);
  };
  if (const std::optional<int> exit_code = with_instance(program, statistics_, body)) return {{}, *exit_code};
  text_results texts;
  for (std::size_t i = 0; i < results.size(); ++i) {
    texts.values.push_back(detail::text_of_value(type.results[i], results[i]));
  }
  return texts;
}

void guest::call_typed(std::string_view function, std::string_view letters,
                       std::span<const detail::weft_value> arguments, std::span<detail::weft_value> results) {
  const detail::program& program = *program_;
  program.check_signature(function, letters);
  const auto body = [&](detail::execution& run) {
    return make_ready_and_call(program, run, function, arguments, results);
  };
  if (const auto exit_code = with_instance(program, statistics_, body)) {
    throw guest_exit(program.name(), *exit_code);
  }
}

const guest_statistics& guest::statistics() const noexcept { return statistics_; }

}  // namespace weft::wasm
