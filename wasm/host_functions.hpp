// What guests may call of the embedder's: C++ functions behind the imports of a module, beside WASI.
//
//   weft::wasm::host_functions host;
//   host.add("app", "lookup", [&](weft::wasm::caller& from, std::uint32_t key, std::uint32_t length) -> std::int32_t {
//     const std::string name = from.memory().text(key, length);
//     return requests.send(name) ? answers.receive().value() : -1;   // parks: plain blocking code
//   });
//   host.add_immediate("app", "checksum", [](std::uint32_t a, std::uint32_t b) { return a ^ b; });
//   weft::wasm::guest guest{module, {.functions = host}};
//
// A function takes numbers: integers, enumerations, bool, float, double; integers of up to 32 bits are the guest's i32,
// those of 64 bits its i64. If its first parameter is a caller&, it can get at the guest's memory. It returns nothing, a
// number, or several as a std::tuple.
//
// It runs on the fiber that runs the guest, while the guest stands still: it may wait for anything, it is cancelled with
// the guest, and values of a weft::local are those of the fiber. What it throws as a std::exception ends the guest by a
// trap that has the message, the guest's backtrace and the exception; `cancelled` and what is no std::exception pass
// through unchanged. It must not call the guest that has called it.
//
// Costs: add() some 130 ns a call, as the guest is left and entered again; add_immediate() some 6 ns, called in the
// midst of the guest, on its stack (of which it has some 100 KiB), where it must not wait: what would park throws
// std::logic_error.
//
// Guests on several workers call one function at the same time: it is called as a const object and must bear that.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/wasm/detail/values.hpp>
#include <weft/wasm/guest_memory.hpp>

namespace weft::wasm {

// The guest that calls a host function; valid during the call.
class caller {
 public:
  caller(const caller&) = delete;
  caller& operator=(const caller&) = delete;

  [[nodiscard]] guest_memory& memory() noexcept { return memory_; }
  [[nodiscard]] const std::string& guest_name() const noexcept;

 protected:
  caller(const void* guest, std::uint8_t* base, std::size_t size) noexcept : guest_(guest), memory_(base, size) {}
  ~caller() = default;

 private:
  struct stopped_memory final : guest_memory {
    stopped_memory(std::uint8_t* base, std::size_t size) noexcept : guest_memory(base, size) {}
  };

  const void* guest_;
  stopped_memory memory_;
};

namespace detail {

// The guest of the call under way, as the engine hands it on.
struct calling final : caller {
  calling(const void* guest, std::uint8_t* base, std::size_t size) noexcept : caller(guest, base, size) {}
};

// A function of the embedder's without its type.
class host_function {
 public:
  host_function(std::string_view module, std::string_view name, bool parks, weft_host_function at_once)
      : module_(module), name_(name), parks_(parks), at_once_(at_once) {}
  host_function(const host_function&) = delete;
  host_function& operator=(const host_function&) = delete;
  virtual ~host_function() = default;

  // Takes its arguments from the slots and puts its results there.
  virtual void invoke(caller& from, weft_value* slots) const = 0;
  [[nodiscard]] virtual std::string_view signature() const noexcept = 0;

  [[nodiscard]] const std::string& module() const noexcept { return module_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool parks() const noexcept { return parks_; }
  [[nodiscard]] virtual bool uses_memory() const noexcept = 0;
  // What the engine calls in the midst of the guest.
  [[nodiscard]] weft_host_function callback() const noexcept { return at_once_; }

 protected:
  // Called while an exception is handled: the guest ends by it.
  std::int32_t failed(void* guest) const noexcept;

 private:
  std::string module_;
  std::string name_;
  bool parks_;
  weft_host_function at_once_;
};

// The type by which a function object is called.
template <class F>
struct plain_signature : plain_signature<decltype(&F::operator())> {};
template <class R, class... A>
struct plain_signature<R (*)(A...)> {
  using type = R(A...);
};
template <class R, class... A>
struct plain_signature<R (*)(A...) noexcept> {
  using type = R(A...);
};
template <class C, class R, class... A>
struct plain_signature<R (C::*)(A...) const> {
  using type = R(A...);
};
template <class C, class R, class... A>
struct plain_signature<R (C::*)(A...) const noexcept> {
  using type = R(A...);
};

template <class F, class Signature>
class typed_host_function;

template <class F, class R, number... A>
class typed_host_function<F, R(A...)> final : public host_function {
  static constexpr bool takes_caller = std::is_invocable_v<const F&, caller&, A...>;

 public:
  typed_host_function(std::string_view module, std::string_view name, bool parks, F f)
      : host_function(module, name, parks, answer), function_(std::move(f)) {}

  void invoke(caller& from, weft_value* slots) const override { call(from, slots, std::index_sequence_for<A...>()); }
  [[nodiscard]] std::string_view signature() const noexcept override { return signature_letters<R, A...>::text; }
  [[nodiscard]] bool uses_memory() const noexcept override { return takes_caller; }

 private:
  static std::int32_t answer(void* function, void* guest, std::uint8_t* memory, std::size_t size,
                             weft_value* slots) noexcept {
    const auto& self = static_cast<const typed_host_function&>(*static_cast<const host_function*>(function));
    try {
      calling from(guest, memory, size);
      self.call(from, slots, std::index_sequence_for<A...>());
      return weft_done;
    } catch (...) {
      return self.failed(guest);
    }
  }

  template <std::size_t... I>
  void call([[maybe_unused]] caller& from, [[maybe_unused]] weft_value* slots,
            std::index_sequence<I...> /*indices*/) const {
    const auto run = [&]() -> R {
      if constexpr (takes_caller) {
        return std::invoke(function_, from, take<A>(slots[I])...);
      } else {
        return std::invoke(function_, take<A>(slots[I])...);
      }
    };
    if constexpr (std::is_void_v<R>) {
      run();
    } else {
      results_of<R>::put_into(slots, run());
    }
  }

  F function_;
};

// Numbers alone.
template <class Signature>
struct without_caller {
  using type = Signature;
};
template <class R, class... A>
struct without_caller<R(caller&, A...)> {
  using type = R(A...);
};

template <class F>
using host_function_of = typed_host_function<F, typename without_caller<typename plain_signature<F>::type>::type>;

class host_function_table;

}  // namespace detail

// A list of functions. Copies are cheap and share what was added before; adding to one does not change the others, nor the
// guests that were made with it. Any thread may copy and read, one at a time may add.
class host_functions {
 public:
  host_functions() = default;

  // A function that may wait. A later one of the same names replaces an earlier. Throws std::invalid_argument for
  // module names that are the host's own (WASI's, and "weft").
  template <class F>
  host_functions& add(std::string_view module, std::string_view name, F f) {
    insert(std::make_shared<detail::host_function_of<F>>(module, name, true, std::move(f)));
    return *this;
  }

  // One that answers at once, which the guest calls like one of its own.
  template <class F>
  host_functions& add_immediate(std::string_view module, std::string_view name, F f) {
    insert(std::make_shared<detail::host_function_of<F>>(module, name, false, std::move(f)));
    return *this;
  }

  [[nodiscard]] bool empty() const noexcept { return table_ == nullptr; }

 private:
  friend class detail::host_function_table;
  void insert(std::shared_ptr<const detail::host_function> function);

  std::shared_ptr<const detail::host_function_table> table_;
};

}  // namespace weft::wasm
