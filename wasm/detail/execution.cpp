#include <weft/wasm/detail/execution.hpp>

#include <fcntl.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/no_parking.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/detail/limit.hpp>
#include <weft/wasm/detail/own_functions.hpp>
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

bool write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) noexcept {
  const unique_fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return fd && write_whole(fd.get(), bytes);
}

std::string reason_of(const host_function_failure& failure) {
  try {
    std::rethrow_exception(failure.error);
  } catch (const std::exception& e) {
    return "host function " + failure.function + " failed: " + e.what();
  }
}

}  // namespace

execution::execution(module_core& module, const launch& how, wasi::context& context)
    : how_(how),
      ticker_(module.engine().time_slices()),
      context_(context),
      talk_(context.options()),
      budget_(context.options()) {
  check_cancelled();
  context_.talk_by(talk_);
  module.engine().count_guest();
  instantiate(module);
}

void execution::instantiate(module_core& module) {
  try {
    begin_instance(module, false);
    ended_early_ = drive();
    return;
  } catch (const pool_is_full&) {
    guest_.reset();
  }
  module.engine().count_guest_on_demand();
  begin_instance(module, true);
  ended_early_ = drive();
}

namespace {

const loaded_code& code_of(module_core& module, bool on_demand) {
  return on_demand ? module.code().spare(module.name()) : module.code().main();
}

bound_code bind_on_demand(module_core& module, linkage* functions) {
  return functions != nullptr ? functions->ready_on_demand(module.name())
                              : module.code().ready_on_demand(module.name());
}

}  // namespace

void execution::begin_instance(module_core& module, bool on_demand) {
  if (!how_.preloads.empty()) {
    const loaded_code& code = code_of(module, on_demand);
    make_guest(*code.home, *code.module);
    return begin_linked_instance(module, on_demand);
  }
  const bound_code code = on_demand ? bind_on_demand(module, how_.functions) : how_.main;
  make_guest(*code.home, *code.module);
  weft_guest_begin_instantiation(guest_.get(), code.prepared);
}

namespace {

// The embedder's functions beside the host's own, for what is linked anew each time; null without any.
linker_handle linker_with(const std::shared_ptr<const host_function_table>& functions, const backend& home) {
  if (!functions) return nullptr;
  linker_handle linker(weft_linker_new(home.engine()));
  define_own_functions(*linker);
  functions->define_in(*linker);
  return linker;
}

}  // namespace

void execution::begin_linked_instance(module_core& module, bool on_demand) {
  const loaded_code& main = code_of(module, on_demand);
  std::vector<weft_preload> list;
  for (const preloaded& p : how_.preloads) {
    const loaded_code& code = code_of(*p.module, on_demand);
    if (code.home != main.home) throw pool_is_full{};
    list.push_back({to_slice(std::string_view(p.name)), code.module.get()});
  }
  const linker_handle with_functions = linker_with(host_function_table::of(context_.options().functions), *main.home);
  const weft_linker* linker = with_functions ? with_functions.get() : main.home->linker();
  weft_error* raw = nullptr;
  weft_guest_begin_linked_instantiation(guest_.get(), linker, list.data(), list.size(), main.module.get(), &raw);
  if (const error_handle error(raw); error) throw make_trap(*error);
}

void execution::make_guest(const backend& home, const weft_module& code) {
  const guest_options& options = context_.options();
  guest_.reset(weft_guest_new(home.engine(), &context_, how_.memory_limit));
  if (options.limits.table_elements != 0) {
    weft_guest_limit_table_elements(guest_.get(), options.limits.table_elements);
  }
  if (!options.profile.empty()) {
    weft_guest_profile(guest_.get(), home.engine(), &code, to_slice(std::string_view(how_.name)),
                       ticker::slice.count());
  }
}

execution::~execution() {
  if (!guest_ || context_.options().profile.empty()) return;
  const bytes_handle profile(weft_guest_take_profile(guest_.get()));
  if (profile) write_file(context_.options().profile, to_bytes(weft_bytes_view(profile.get())));
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
  if (const error_handle error(raw); error) throw make_trap(*error);
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

// The engine and the host functions that answer at once run on the guest's own stack, which must not be left by waiting.
weft_stop execution::poll(weft_error*& error) {
  ticker_.run();
  const no_parking on_the_guests_stack;
  return weft_guest_poll(guest_.get(), &error);
}

std::optional<int> execution::drive() {
  const time_budget::call timed(budget_);
  for (;;) {
    weft_error* raw = nullptr;
    const weft_stop stop = budget_.run([&] { return poll(raw); });
    const error_handle error(raw);
    if (stop == weft_stop_ended) return error ? end_by(*error) : std::nullopt;
    if (const std::optional<trap_code> limit = budget_.passed()) end_for(*limit);
    if (stop == weft_stop_slice) {
      ++statistics_.slices;
      yield_after_slice();
    } else {
      resume_after_wait();
    }
  }
}

// The guest ends at its next poll, so that its backtrace is known.
void execution::end_for(trap_code limit) noexcept {
  if (limit_passed_) return;
  limit_passed_ = limit;
  weft_guest_interrupt(guest_.get());
}

void execution::resume_after_wait() {
  ++statistics_.waits;
  const wasi::outcome result = limit_passed_ ? wasi::errc::success : wait_in_its_place();
  weft_value value = {};
  const std::int32_t how = wasi::binding::finish(result, value);
  weft_guest_resume(guest_.get(), how, value.i64);
}

wasi::outcome execution::wait_in_its_place() {
  const auto wait = [this] {
    wasi::outcome result = context_.perform_wait();
    while (result.what() == wasi::outcome::kind::waits) result = context_.perform_wait();
    return result;
  };
  try {
    return budget_.has_end() && in_fiber() ? with_deadline(budget_.left(), wait) : wait();
  } catch (const limit_passed& limit) {
    end_for(limit.code);
  } catch (const timeout_error&) {
    if (budget_.left().count() > 0) throw;  // somebody else's limit
    end_for(trap_code::time_limit);
  }
  return wasi::errc::success;
}

// A limit that was passed, and what a host function of the embedder's has thrown, become traps; the rest goes on as it
// is.
void execution::rethrow(const std::exception_ptr& thrown, const weft_error& error) const {
  try {
    std::rethrow_exception(thrown);
  } catch (const limit_passed& limit) {
    throw trap(limit.code, how_.name, limit_reason(limit.code, context_.options().limits), frames_of(error));
  } catch (const host_function_failure& failure) {
    throw trap(trap_code::host_function, how_.name, reason_of(failure), frames_of(error), failure.error);
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
  throw make_trap(error);
}

trap execution::make_trap(const weft_error& error) {
  const auto trap_by_limit = [&](trap_code code, std::string reason) {
    return trap(code, how_.name, std::move(reason), frames_of(error));
  };
  switch (weft_error_kind(&error)) {
    case weft_error_memory_limit:
      return trap_by_limit(trap_code::memory_limit, memory_limit_reason(weft_error_limit(&error)));
    case weft_error_table_limit:
      return trap_by_limit(trap_code::table_limit, limit_reason(trap_code::table_limit, context_.options().limits));
    case weft_error_interrupted:
      return trap_by_limit(*limit_passed_, limit_reason(*limit_passed_, context_.options().limits));
    default:
      break;
  }
  const auto code = static_cast<trap_code>(weft_error_trap_code(&error));
  std::string reason(to_view(weft_error_message(&error)));
  if (code == trap_code::stack_exhausted) reason = stack_reason(reason);
  return {code, how_.name, reason + dump_core(error), frames_of(error)};
}

// What there is to say of it, besides the reason of the trap.
std::string execution::dump_core(const weft_error& error) {
  const std::filesystem::path& path = context_.options().core_dump;
  if (path.empty()) return "";
  const bytes_handle dump(weft_guest_core_dump(guest_.get(), &error, to_slice(std::string_view(how_.name))));
  if (!dump) return "";
  const std::error_code failed = blocking([&]() -> std::error_code {
    if (write_file(path, to_bytes(weft_bytes_view(dump.get())))) return {};
    return {errno, std::generic_category()};
  });
  if (failed) return " (the core dump cannot be written to '" + path.string() + "': " + failed.message() + ")";
  return " (core dump in '" + path.string() + "')";
}

guest_statistics execution::statistics() const noexcept {
  guest_statistics s = statistics_;
  s.peak_memory = weft_guest_peak_memory(guest_.get());
  s.cpu_time = budget_.cpu_time();
  s.bytes_read = context_.bytes_read();
  s.bytes_written = context_.bytes_written();
  return s;
}

}  // namespace weft::wasm::detail
