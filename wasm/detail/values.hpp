// Numbers of C++ and of WebAssembly: which stands for which, and how they lie in the engine's slots.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/wasm/detail/engine_shims.h>

namespace weft::wasm::detail {

// bool, enumerations and integers of up to 32 bits are i32, those of 64 bits i64; float is f32, double f64.
template <class T>
concept number = (std::is_integral_v<T> && sizeof(T) <= 8) || std::is_enum_v<T> || std::is_same_v<T, float> ||
                 std::is_same_v<T, double>;

template <number T>
constexpr char letter_of() noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    return sizeof(T) == 4 ? 'f' : 'F';
  } else {
    return sizeof(T) == 8 ? 'I' : 'i';
  }
}

template <number T>
T take(const weft_value& slot) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return slot.f32;
  } else if constexpr (std::is_same_v<T, double>) {
    return slot.f64;
  } else if constexpr (std::is_same_v<T, bool>) {
    return slot.i32 != 0;
  } else if constexpr (sizeof(T) == 8) {
    return static_cast<T>(slot.i64);
  } else {
    return static_cast<T>(slot.i32);
  }
}

// Eight bytes at once: a processor that has to put together what it reads from several writes takes its time.
template <number T>
void put(weft_value& slot, T value) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    slot.i64 = std::bit_cast<std::uint32_t>(value);
  } else if constexpr (std::is_same_v<T, double>) {
    slot.f64 = value;
  } else if constexpr (sizeof(T) == 8) {
    slot.i64 = static_cast<std::int64_t>(value);
  } else {
    slot.i64 = static_cast<std::uint32_t>(value);
  }
}

// What a call gives back: nothing, a number, or several as a tuple.
template <class R>
struct results_of;

template <>
struct results_of<void> {
  static constexpr std::size_t count = 0;
  static constexpr std::array<char, 0> letters = {};
  static void take_from(const weft_value* /*slots*/) noexcept {}
};

template <number T>
struct results_of<T> {
  static constexpr std::size_t count = 1;
  static constexpr std::array<char, 1> letters = {letter_of<T>()};
  static T take_from(const weft_value* slots) noexcept { return take<T>(slots[0]); }
  static void put_into(weft_value* slots, T value) noexcept { put(slots[0], value); }
};

template <number... T>
struct results_of<std::tuple<T...>> {
  static constexpr std::size_t count = sizeof...(T);
  static constexpr std::array<char, sizeof...(T)> letters = {letter_of<T>()...};
  static std::tuple<T...> take_from(const weft_value* slots) noexcept {
    return [slots]<std::size_t... I>(std::index_sequence<I...> /*indices*/) {
      return std::tuple<T...>{take<T>(slots[I])...};
    }(std::index_sequence_for<T...>());
  }
  static void put_into(weft_value* slots, const std::tuple<T...>& values) noexcept {
    std::size_t i = 0;
    std::apply([&](T... value) { (put(slots[i++], value), ...); }, values);
  }
};

// "parameters:results", as the engine writes types.
template <class R, number... A>
struct signature_letters {
  static constexpr std::array<char, sizeof...(A) + 1 + results_of<R>::count> letters = [] {
    std::array<char, sizeof...(A) + 1 + results_of<R>::count> all = {letter_of<A>()..., ':'};
    std::size_t at = sizeof...(A) + 1;
    for (const char letter : results_of<R>::letters) all[at++] = letter;
    return all;
  }();
  static constexpr std::string_view text{letters.data(), letters.size()};
};

template <class Signature>
struct call_signature;

// `int(int, double)`: what the caller of a guest's function writes.
template <class R, number... A>
struct call_signature<R(A...)> {
  using result = R;
  static constexpr std::string_view letters = signature_letters<R, A...>::text;
  static constexpr std::size_t parameters = sizeof...(A);
  static constexpr std::size_t results = results_of<R>::count;

  static std::array<weft_value, sizeof...(A)> pack(A... arguments) noexcept {
    std::array<weft_value, sizeof...(A)> slots = {};
    std::size_t i = 0;
    (put(slots[i++], arguments), ...);
    return slots;
  }
};

}  // namespace weft::wasm::detail
