#include <weft/wasm/detail/execution.hpp>

#include <exception>
#include <utility>
#include <vector>

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

}  // namespace

execution::execution(module_core& module, wasi::context& context, std::uint64_t memory_limit, const std::string& name)
    : ticker_(module.engine().time_slices()), context_(context), name_(name) {
  check_cancelled();
  module.engine().count_guest();
  instantiate(module, memory_limit);
}

void execution::instantiate(module_core& module, std::uint64_t memory_limit) {
  const auto make_in = [&](const loaded_code& code) {
    guest_.reset(weft_guest_new(code.home->engine(), &context_, memory_limit));
    weft_guest_begin_instantiation(guest_.get(), code.prepared.get());
    ended_early_ = drive();
  };
  try {
    make_in(module.code().ready(module.name()));
    return;
  } catch (const pool_is_full&) {
    guest_.reset();
  }
  module.engine().count_guest_on_demand();
  make_in(module.code().ready_on_demand(module.name()));
}

std::optional<int> execution::call(std::string_view function, std::span<const weft_value> arguments,
                                   std::span<weft_value> results) {
  weft_guest_begin_call(guest_.get(), to_slice(function), arguments.data(), arguments.size(), results.data(),
                        results.size());
  return drive();
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

std::optional<int> execution::end_by(const weft_error& error) {
  switch (weft_error_kind(&error)) {
    case weft_error_exit:
      return weft_error_exit_code(&error);
    case weft_error_host_failure:
      if (std::exception_ptr thrown = context_.take_error()) std::rethrow_exception(thrown);
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
