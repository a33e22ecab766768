// From plain C++ functions to what the engine calls: `outcome f(call&, std::uint32_t, std::uint64_t ...)`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/wasm/detail/engine_shims.h>
#include <weft/wasm/wasi/context.hpp>

namespace weft::wasm::wasi {

// A host function in a table. Those that wait cost a little more to call, and may call call::wait().
struct definition {
  std::string_view name;
  std::string_view signature;
  bool waits;
  detail::weft_host_function callback;
};

namespace binding {

template <class T>
inline constexpr char letter = sizeof(T) == 8 ? 'I' : 'i';

template <class T>
T argument(const detail::weft_value& value) noexcept {
  static_assert(std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  if constexpr (sizeof(T) == 8) {
    return static_cast<T>(value.i64);
  } else {
    return static_cast<T>(value.i32);
  }
}

inline std::int32_t finish(const outcome& result, detail::weft_value& slot) noexcept {
  switch (result.what()) {
    case outcome::kind::waits:
      return detail::weft_wait;
    case outcome::kind::fails:
      return detail::weft_fail;
    case outcome::kind::exits:
      slot.i64 = static_cast<std::int64_t>(result.bits());
      return detail::weft_exit;
    case outcome::kind::done:
      break;
  }
  slot.i64 = static_cast<std::int64_t>(result.bits());
  return detail::weft_done;
}

template <class Call>
std::int32_t guarded(context& guest, detail::weft_value& slot, Call&& function) noexcept {
  try {
    return finish(function(), slot);
  } catch (const failure& f) {
    return finish(f.code, slot);
  } catch (...) {
    guest.fail(std::current_exception());
    return detail::weft_fail;
  }
}

template <auto Function, class Type>
struct bound;

template <auto Function, class... Arguments>
struct bound<Function, outcome (*)(call&, Arguments...)> {
  static constexpr std::array<char, sizeof...(Arguments) + 2> with_result = {letter<Arguments>..., ':', 'i'};
  static constexpr std::array<char, sizeof...(Arguments) + 1> without_result = {letter<Arguments>..., ':'};

  static std::int32_t invoke(void* /*function*/, void* guest, std::uint8_t* memory, std::size_t size,
                             detail::weft_value* values) noexcept {
    return invoke_with(*static_cast<context*>(guest), guest_memory(memory, size), values,
                       std::index_sequence_for<Arguments...>());
  }

  template <std::size_t... I>
  static std::int32_t invoke_with(context& guest, guest_memory memory, [[maybe_unused]] detail::weft_value* values,
                                  std::index_sequence<I...> /*indices*/) noexcept {
    return guarded(guest, values[0], [&] {
      call c{guest, memory};
      return Function(c, argument<Arguments>(values[I])...);
    });
  }
};

template <auto Function>
using bound_to = bound<Function, std::decay_t<decltype(Function)>>;

template <std::size_t N>
constexpr std::string_view view(const std::array<char, N>& letters) noexcept {
  return {letters.data(), letters.size()};
}

}  // namespace binding

// A function that answers at once.
template <auto Function>
constexpr definition at_once(std::string_view name) noexcept {
  using b = binding::bound_to<Function>;
  return {name, binding::view(b::with_result), false, &b::invoke};
}

// One that may wait.
template <auto Function>
constexpr definition may_wait(std::string_view name) noexcept {
  using b = binding::bound_to<Function>;
  return {name, binding::view(b::with_result), true, &b::invoke};
}

// One that does not return to the guest.
template <auto Function>
constexpr definition never_returns(std::string_view name) noexcept {
  using b = binding::bound_to<Function>;
  return {name, binding::view(b::without_result), false, &b::invoke};
}

}  // namespace weft::wasm::wasi
