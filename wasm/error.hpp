// What can go wrong with modules and guests.
#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace weft::wasm {

// Why a file or some bytes are no module that can run here.
enum class module_fault {
  not_wasm,         // something else altogether
  text,             // WebAssembly in its text form
  component,        // a component instead of a core module
  native_code,      // precompiled for some engine
  invalid,          // WebAssembly, but truncated or against the rules; the message gives the offset
  missing_import,   // it wants a function that nobody provides
  missing_export,   // it lacks the function that was to be called
  wrong_signature,  // a function has other parameters or results than it is to have
};

// The message is one line: it names the module, the cause and, where there is one, the remedy.
class module_error : public std::runtime_error {
 public:
  module_error(module_fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}

  [[nodiscard]] module_fault fault() const noexcept { return fault_; }

 private:
  module_fault fault_;
};

// What stopped a guest. The values are fixed.
enum class trap_code : std::int32_t {
  other = 0,
  unreachable = 1,           // it ran into what it had declared impossible (a panic, an abort, a failed assertion)
  memory_out_of_bounds = 2,  // it read or wrote outside of its memory
  table_out_of_bounds = 3,
  null_reference = 4,   // it called through a null function pointer
  wrong_signature = 5,  // it called a function pointer of another type
  integer_overflow = 6,
  division_by_zero = 7,
  bad_conversion = 8,   // of a floating-point number to an integer
  stack_exhausted = 9,  // it recursed too deep
  uncaught_exception = 10,
  host_function = 50,  // a function of the embedder's threw; see cause()
  // It passed a limit of guest_limits; the reason names it.
  memory_limit = 100,
  table_limit = 101,
  descriptor_limit = 102,
  output_limit = 103,
  cpu_limit = 104,
  time_limit = 105,
};

// One place in a guest, innermost first in a backtrace.
struct trap_frame {
  std::string module;
  std::string function;  // demangled; empty if the module has no names
  std::uint32_t function_index = 0;
  std::uint64_t offset = 0;  // in the module's file
  std::string file;          // from debug information; empty if there is none
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// A guest that was stopped because it could not go on. what() is the reason with the guest's name, and a line for each
// frame.
class trap : public std::runtime_error {
 public:
  trap(trap_code code, const std::string& guest, std::string reason, std::vector<trap_frame> frames,
       std::exception_ptr cause = nullptr);

  [[nodiscard]] trap_code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  [[nodiscard]] const std::vector<trap_frame>& frames() const noexcept { return frames_; }
  // What a host function threw; null for every other trap.
  [[nodiscard]] const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  trap_code code_;
  std::string reason_;
  std::vector<trap_frame> frames_;
  std::exception_ptr cause_;
};

// A guest that has called for its own end where a result was expected of it: a typed call, or the making of an instance.
class guest_exit : public std::runtime_error {
 public:
  guest_exit(const std::string& guest, int code)
      : std::runtime_error("guest '" + guest + "' has ended itself with exit code " + std::to_string(code)),
        code_(code) {}

  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  int code_;
};

// The frames as text, a line each, numbered; empty if there are none.
[[nodiscard]] std::string format_backtrace(const std::vector<trap_frame>& frames);

// Whether such a trap is a limit of ours rather than a fault of the guest's.
[[nodiscard]] constexpr bool is_limit(trap_code code) noexcept { return code >= trap_code::memory_limit; }

// "64 MiB", "1.5 GiB", "100 bytes": amounts of memory for people.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace weft::wasm
