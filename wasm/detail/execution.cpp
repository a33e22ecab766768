#include <weft/wasm/detail/execution.hpp>

#include <exception>
#include <utility>
#include <vector>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/error.hpp>
#include <weft/wasm/wasi/binding.hpp>

namespace weft::wasm::detail {

namespace {

// The pool has no room for one more guest, or not for this one.
struct pool_is_full {};

std::vector<trap_frame> frames_of(const weft_error& error) {
  std::vector<trap_frame> frames;
  for (std::size_t i = 0; i < weft_error_frame_count(&error); ++i) {
    const weft_frame f = weft_error_frame(&error, i);
    frames.push_back({.module = std::string(to_view(f.module)),
                      .function = std::string(to_view(f.function)),
                      .function_index = f.function_index,
                      .offset = f.offset,
                      .file = std::string(to_view(f.file)),
                      .line = f.line,
                      .column = f.column});
  }
  return frames;
}

std::string memory_limit_reason(std::uint64_t limit) {
  return "it wanted more memory than its limit of " + format_bytes(limit) +
         "; raise it with guest_options::limits.memory, on the command line --memory";
}

trap make_trap(const std::string& guest, const weft_error& error) {
  if (weft_error_kind(&error) == weft_error_memory_limit) {
    return {trap_code::memory_limit, guest, memory_limit_reason(weft_error_limit(&error)), frames_of(error)};
  }
  const auto code = static_cast<trap_code>(weft_error_trap_code(&error));
  return {code, guest, std::string(to_view(weft_error_message(&error))), frames_of(error)};
}

std::string reason_of(const host_function_failure& failure) {
  try {
    std::rethrow_exception(failure.error);
  } catch (const std::exception& e) {
    return "host function " + failure.function + " failed: " + e.what();
  }
}

}  // namespace

execution::execution(module_core& module, linkage* functions, wasi::context& context, std::uint64_t memory_limit,
                     const std::string& name)
    : ticker_(module.engine().time_slices()), context_(context), talk_(context.options()), name_(name) {
  check_cancelled();
  context_.talk_by(talk_);
  module.engine().count_guest();
  instantiate(module, functions, memory_limit);
}

void execution::instantiate(module_core& module, linkage* functions, std::uint64_t memory_limit) {
  const auto make_in = [&](const bound_code& code) {
    guest_.reset(weft_guest_new(code.home->engine(), &context_, memory_limit));
    weft_guest_begin_instantiation(guest_.get(), code.prepared);
    ended_early_ = drive();
  };
  try {
    make_in(functions != nullptr ? functions->ready(module.name()) : module.code().ready(module.name()));
    return;
  } catch (const pool_is_full&) {
    guest_.reset();
  }
  module.engine().count_guest_on_demand();
  make_in(functions != nullptr ? functions->ready_on_demand(module.name())
                               : module.code().ready_on_demand(module.name()));
}

std::optional<int> execution::call(std::string_view function, std::span<const weft_value> arguments,
                                   std::span<weft_value> results) {
  weft_guest_begin_call(guest_.get(), to_slice(function), arguments.data(), arguments.size(), results.data(),
                        results.size());
  return run_call();
}

function_handle execution::find(std::string_view function) {
  weft_error* raw = nullptr;
  function_handle found(weft_guest_function(guest_.get(), to_slice(function), &raw));
  if (const error_handle error(raw); error) throw make_trap(name_, *error);
  return found;
}

std::optional<int> execution::call(const weft_function& function, const weft_value* arguments, weft_value* results) {
  weft_guest_begin_function(guest_.get(), &function, arguments, results);
  return run_call();
}

std::optional<int> execution::run_call() {
  return talk_.may_have_children() && in_fiber() ? drive_with_children() : drive();
}

// The children that the call starts end with it: when it returns they are cancelled, when it fails as well. When one of
// them fails the call is cancelled, and what comes out is the group's error with that failure.
std::optional<int> execution::drive_with_children() {
  struct ownership {
    exchange::state& talk;
    ownership(exchange::state& t, group& g) noexcept : talk(t) { t.own_children_by(&g); }
    ~ownership() { talk.own_children_by(nullptr); }
  };
  group children("children of a guest");
  const ownership during(talk_, children);
  std::optional<int> exit_code;
  try {
    exit_code = drive();
  } catch (const cancelled&) {
    children.cancel();
    children.join();
    throw;
  }
  children.cancel();
  children.join();
  return exit_code;
}

std::span<std::uint8_t> execution::memory() noexcept {
  std::size_t size = 0;
  std::uint8_t* base = weft_guest_memory(guest_.get(), &size);
  return {base, size};
}

std::optional<int> execution::drive() {
  const computing now(ticker_);
  for (;;) {
    weft_error* raw = nullptr;
    const weft_stop stop = weft_guest_poll(guest_.get(), &raw);
    const error_handle error(raw);
    if (stop == weft_stop_slice) {
      ++statistics_.slices;
      yield_after_slice();
    } else if (stop == weft_stop_waiting) {
      resume_after_wait();
    } else {
      return error ? end_by(*error) : std::nullopt;
    }
  }
}

void execution::resume_after_wait() {
  ++statistics_.waits;
  const not_computing meanwhile(ticker_);
  wasi::outcome result = context_.perform_wait();
  while (result.what() == wasi::outcome::kind::waits) result = context_.perform_wait();
  weft_value value = {};
  const std::int32_t how = wasi::binding::finish(result, value);
  weft_guest_resume(guest_.get(), how, &value);
}

// What a host function of the embedder's has thrown becomes a trap; what one of ours has goes on as it is.
void execution::rethrow(const std::exception_ptr& thrown, const weft_error& error) const {
  try {
    std::rethrow_exception(thrown);
  } catch (const host_function_failure& failure) {
    throw trap(trap_code::host_function, name_, reason_of(failure), frames_of(error), failure.error);
  }
}

std::optional<int> execution::end_by(const weft_error& error) {
  switch (weft_error_kind(&error)) {
    case weft_error_exit:
      return weft_error_exit_code(&error);
    case weft_error_host_failure:
      if (std::exception_ptr thrown = context_.take_error()) rethrow(thrown, error);
      break;
    case weft_error_pool_full:
      throw pool_is_full{};
    default:
      break;
  }
  throw make_trap(name_, error);
}

guest_statistics execution::statistics() const noexcept {
  guest_statistics s = statistics_;
  s.peak_memory = weft_guest_peak_memory(guest_.get());
  return s;
}

}  // namespace weft::wasm::detail
