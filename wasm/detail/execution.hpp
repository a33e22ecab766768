// One guest while it runs: an instance of a module in a store of its own, and the loop that keeps it going.
//
// The fiber polls the guest. The guest comes back when its call has ended, when its time slice is over, and when a host
// function has to wait; then the fiber gives others their turn, or does the waiting in the guest's place, outside of
// the guest and of its stack. An exception on the way (the fiber is cancelled, say) leaves through here: the destructor
// ends the guest wherever it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weft/wasm/detail/engine_core.hpp>
#include <weft/wasm/detail/handles.hpp>
#include <weft/wasm/detail/host_function_table.hpp>
#include <weft/wasm/detail/links.hpp>
#include <weft/wasm/detail/time_budget.hpp>
#include <weft/wasm/exchange/state.hpp>
#include <weft/wasm/guest.hpp>
#include <weft/wasm/wasi/context.hpp>

namespace weft::wasm::detail {

// What is the same for all executions of a program.
struct launch {
  bound_code main;     // to be made an instance of; without preloads
  linkage* functions;  // what has bound it; null where the host's own functions are enough
  std::span<const preloaded> preloads;
  std::uint64_t memory_limit;
  const std::string& name;
};

class execution {
 public:
  // Makes an instance, and of what is preloaded before it; runs their start functions if they have one. Parks. The
  // context must outlive it, and so must what `how` refers to. Throws as guest::run().
  execution(module_core& module, const launch& how, wasi::context& context);

  // Calls an exported function. Returns the exit code if the guest called for its end. Parks.
  std::optional<int> call(std::string_view function, std::span<const weft_value> arguments,
                          std::span<weft_value> results);

  // An exported function, to be called more than once; null if there is none of that name.
  [[nodiscard]] function_handle find(std::string_view function);
  // The slots must be as many as its type says.
  std::optional<int> call(const weft_function& function, const weft_value* arguments, weft_value* results);

  // The memory that the module exports, until the next call; empty if there is none.
  [[nodiscard]] std::span<std::uint8_t> memory() noexcept;

  // Set if the guest called for its end while the instance was made.
  [[nodiscard]] std::optional<int> ended_early() const noexcept { return ended_early_; }

  [[nodiscard]] guest_statistics statistics() const noexcept;

  // Writes the profile, if one was asked for.
  ~execution();
  execution(const execution&) = delete;
  execution& operator=(const execution&) = delete;

 private:
  void instantiate(module_core& module);
  void begin_instance(module_core& module, bool on_demand);
  void begin_linked_instance(module_core& module, bool on_demand);
  [[nodiscard]] weft_stop poll(weft_error*& error);
  [[nodiscard]] std::optional<int> drive();
  [[nodiscard]] std::optional<int> run_call();
  [[nodiscard]] std::optional<int> drive_with_children();
  [[nodiscard]] std::optional<int> end_by(const weft_error& error);
  [[noreturn]] void rethrow(const std::exception_ptr& thrown, const weft_error& error) const;
  void resume_after_wait();
  [[nodiscard]] wasi::outcome wait_in_its_place();
  void end_for(trap_code limit) noexcept;
  void make_guest(const backend& home, const weft_module& code);
  [[nodiscard]] trap make_trap(const weft_error& error);
  [[nodiscard]] std::string dump_core(const weft_error& error);

  const launch how_;
  ticker& ticker_;
  wasi::context& context_;
  exchange::state talk_;
  guest_handle guest_;
  std::optional<int> ended_early_;
  guest_statistics statistics_;
  time_budget budget_;
  std::optional<trap_code> limit_passed_;  // the guest has been told to end because of it
};

}  // namespace weft::wasm::detail
