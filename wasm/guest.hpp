// A guest: a module with what it is given, ready to run. Its code is plain blocking code; the calling fiber runs it.
//
// While the guest computes it gives other fibers their turn every millisecond or so. While it reads, sleeps or polls
// the fiber is parked, and other guests have the worker. Cancelling the fiber's group ends the guest wherever it is.
// When a call returns or throws, nothing of the guest is left: no memory, no descriptor, no thread. Outside of weft's
// fibers it runs on the calling thread, which then blocks where a fiber would park.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weft/wasm/detail/values.hpp>
#include <weft/wasm/error.hpp>
#include <weft/wasm/guest_options.hpp>
#include <weft/wasm/module.hpp>

namespace weft::wasm {

namespace detail {
class program;
}

// What the last run of a guest took.
struct guest_statistics {
  std::uint64_t peak_memory = 0;        // bytes of all its memories and tables
  std::uint64_t slices = 0;             // times it gave others a turn while computing
  std::uint64_t waits = 0;              // host calls that could not be answered at once
  std::uint64_t bytes_read = 0;         // from streams, files and sockets
  std::uint64_t bytes_written = 0;      // to them
  std::chrono::nanoseconds cpu_time{};  // on a CPU, waits excluded; 0 unless its options have it measured
};

// What a function returned, as text; see guest::call_with_text().
struct text_results {
  std::vector<std::string> values;  // none if the guest called for its end instead
  int exit_code = 0;
};

// A copy is another guest of the same module with the same options. It costs hardly more than a pointer, where a guest that is made takes its options
// and is bound to its functions anew: of many alike make one, and copy it. One fiber at a time may use a guest; copies are used independently, but have
// what the options refer to, such as a string that output goes to, in common.
class guest {
 public:
  // Throws module_error if the module imports what the host does not provide, std::invalid_argument for options that
  // make no sense (a name or argument with a null character). Nothing is opened or allocated for the guest before it
  // runs.
  explicit guest(module m, guest_options options = {});

  // Runs the program (its function _start) in a fresh instance; returns the exit code, 0 if it just returns. Parks, and
  // is a cancellation point throughout. Throws
  //   trap               when the guest cannot go on, by a fault of its own or a limit of ours
  //   module_error       if it is no program (it has no _start)
  //   std::system_error  if something it is to be given cannot be had (a directory that does not exist)
  //   cancelled          when the fiber's scope is cancelled
  int run();

  // Calls an exported function of integers in a fresh instance, after _initialize if the module has it; returns its
  // result, if it has one. 32-bit arguments and results are converted. Throws as run(); module_error also if there is
  // no such function, or one of another number or kind of parameters.
  std::optional<std::int64_t> call(std::string_view function, std::initializer_list<std::int64_t> arguments = {});

  // The same for command lines and other places where values are text: integers in decimal or hexadecimal (0x...),
  // signed or not, and floating-point numbers; what comes back reads as the same value. Any number of results. Throws as
  // call(), and std::invalid_argument for what is no number of the parameter's type.
  text_results call_with_text(std::string_view function, const std::vector<std::string>& arguments);

  // The same for a function of any numbers, whose type is compared: guest.call<double(double, int)>("scale", 2.5, 3).
  // Types of C++ and WebAssembly: see instance.hpp. Throws as run(), guest_exit if the guest ends itself, module_error if
  // there is no such function (missing_export) or one of another type (wrong_signature; the message has both types).
  template <class Signature, class... A>
  typename detail::call_signature<Signature>::result call(std::string_view function, A... arguments) {
    using signature = detail::call_signature<Signature>;
    const auto slots = signature::pack(arguments...);
    std::array<detail::weft_value, signature::results> results = {};
    call_typed(function, signature::letters, slots, results);
    return detail::results_of<typename signature::result>::take_from(results.data());
  }

  // Of the last run() or call() that ended, in whichever way.
  [[nodiscard]] const guest_statistics& statistics() const noexcept;

 private:
  void call_typed(std::string_view function, std::string_view letters, std::span<const detail::weft_value> arguments,
                  std::span<detail::weft_value> results);

  std::shared_ptr<const detail::program> program_;
  guest_statistics statistics_;
};

}  // namespace weft::wasm
