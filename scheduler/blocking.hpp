// Calls that must block an OS thread (a slow C library, a compiler run, a file system call the ring cannot do).
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/scheduler/park.hpp>

namespace weft {

namespace detail {
// A closure handed to the runtime's pool of helper threads; stands on the waiting fiber's stack.
struct blocking_call {
  void (*invoke)(blocking_call*) noexcept;
  blocking_call* next = nullptr;
  ticket done;
};
// Runs the call on a pool thread and parks until it has returned. Inline outside a fiber.
void run_blocking(blocking_call& call);
}  // namespace detail

// Runs f on a helper thread with a full-sized stack while the calling fiber parks and its worker runs others; returns what
// f returns and rethrows what it throws. A cancellation point on entry only: once f has begun, its end is awaited, because
// f may refer to the caller's frame. The pool grows to options::blocking_threads; further calls queue. Idle threads retire.
// Outside a fiber f simply runs.
template <class F>
std::invoke_result_t<F&> blocking(F&& f) {
  using result = std::invoke_result_t<F&>;
  struct call : detail::blocking_call {
    std::remove_reference_t<F>* function;
    std::exception_ptr error;
    [[no_unique_address]] std::conditional_t<std::is_void_v<result>, std::monostate, std::optional<result>> value;
  } c;
  c.function = &f;
  c.invoke = [](detail::blocking_call* base) noexcept {
    auto* self = static_cast<call*>(base);
    try {
      if constexpr (std::is_void_v<result>) {
        (*self->function)();
      } else {
        self->value.emplace((*self->function)());
      }
    } catch (...) {
      self->error = std::current_exception();
    }
  };
  detail::run_blocking(c);
  if (c.error) std::rethrow_exception(std::move(c.error));
  if constexpr (!std::is_void_v<result>) return std::move(*c.value);
}

}  // namespace weft
