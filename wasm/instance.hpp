// A guest that stays: an instance of a module on which one call is made after the other, with its memory kept between
// them. For programs with a main function, and for calls that each want a fresh instance, there is guest.
//
//   weft::wasm::instance plugin{module, {.functions = host}};
//   const int sum = plugin.call<int(int, int)>("add", 2, 3);
//   auto step = plugin.function<double(double)>("step");       // looked up and checked once
//   for (double x = 0; x < 1; x = step(x)) { ... }
//   const std::string greeting = plugin.memory().c_string(plugin.call<std::uint32_t()>("greeting"));
//
// The calling fiber runs the guest, as it does with guest: others have their turn each millisecond, waits park, and a
// cancellation ends the guest wherever it is. Numbers go in and come out as the C++ type of the call says: integers,
// enumerations and bool of up to 32 bits are i32, those of 64 bits i64, float f32, double f64, several results a
// std::tuple. The type is compared with the function's.
//
// A call that does not return (a trap, an exit, a cancellation, an exception of a host function) leaves the guest in an
// unknown state: the instance is no longer usable(), and further calls throw std::logic_error.
//
// One fiber, or thread, at a time: a second call meanwhile throws std::logic_error. Which one may change. Costs: making
// one 3 us with the engine's pool; a call about 150 ns. Memory: the guest's, and the descriptors it was given.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <weft/wasm/detail/values.hpp>
#include <weft/wasm/error.hpp>
#include <weft/wasm/guest.hpp>
#include <weft/wasm/guest_memory.hpp>
#include <weft/wasm/guest_options.hpp>
#include <weft/wasm/module.hpp>

namespace weft::wasm {

template <class Signature>
class guest_function;

class instance {
 public:
  // Makes it, and calls _initialize if the module has that. Parks; a cancellation point. Throws what the constructor of
  // guest throws, trap, guest_exit, and std::system_error for what cannot be given.
  explicit instance(module m, guest_options options = {});
  ~instance();
  instance(instance&&) noexcept;
  instance& operator=(instance&&) noexcept;

  // Calls an exported function. Parks; a cancellation point throughout. Throws module_error if there is none of that name
  // (missing_export) or type (wrong_signature; the message has both), and trap, guest_exit, `cancelled`.
  template <class Signature, class... A>
  typename detail::call_signature<Signature>::result call(std::string_view name, A... arguments) {
    return function<Signature>(name)(arguments...);
  }

  // The function to be called again and again: it is looked up and compared here. Throws module_error as call(). The result
  // must not be used after the instance.
  template <class Signature>
  [[nodiscard]] guest_function<Signature> function(std::string_view name) {
    return guest_function<Signature>(*state_, find(name, detail::call_signature<Signature>::letters));
  }

  // True if the module exports a function of that name, whatever its type.
  [[nodiscard]] bool has_function(std::string_view name) const;

  // Between calls; inside a host function there is caller::memory(). Lives as long as the instance.
  [[nodiscard]] guest_memory& memory() noexcept;

  [[nodiscard]] bool usable() const noexcept;
  // Of all its calls so far.
  [[nodiscard]] guest_statistics statistics() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept;

 private:
  template <class Signature>
  friend class guest_function;
  class state;

  const detail::weft_function& find(std::string_view name, std::string_view letters);
  static void invoke(state& of, const detail::weft_function& function, const detail::weft_value* arguments,
                     detail::weft_value* results);

  std::unique_ptr<state> state_;
};

// A function of an instance: two pointers. As instance::call().
template <class R, class... A>
class guest_function<R(A...)> {
  using signature = detail::call_signature<R(A...)>;

 public:
  R operator()(A... arguments) const {
    const auto slots = signature::pack(arguments...);
    std::array<detail::weft_value, signature::results> results;
    instance::invoke(*of_, *function_, slots.data(), results.data());
    return detail::results_of<R>::take_from(results.data());
  }

 private:
  friend class instance;
  guest_function(instance::state& of, const detail::weft_function& function) noexcept
      : of_(&of), function_(&function) {}

  instance::state* of_;
  const detail::weft_function* function_;
};

}  // namespace weft::wasm
