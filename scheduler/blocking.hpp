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

class blocking_pool;

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

// A call for the helper threads that no fiber parks for: where a driver puts what would block its worker. Its function must, as its
// last act, tell whoever has to know that it is done; from then on nobody refers to the call.
class background_call : private detail::blocking_call {
 public:
  using function = void (*)(background_call&) noexcept;
  explicit background_call(function f) noexcept
      : blocking_call{.invoke = &invoke_function, .next = nullptr, .done = {}}, function_(f) {}
  background_call(const background_call&) = delete;
  background_call& operator=(const background_call&) = delete;

 private:
  friend class helper_threads;
  static void invoke_function(blocking_call* call) noexcept {
    auto* self = static_cast<background_call*>(call);
    self->function_(*self);
  }
  function function_;
};

// The helper threads of a runtime, those that blocking() uses, for a driver: it may be served by threads that are none of its runtime's workers.
class helper_threads {
 public:
  // Of the runtime whose worker the caller runs on; elsewhere there are none.
  [[nodiscard]] static helper_threads of_caller() noexcept;
  // Hands the call to them; false, and nothing happens, if no thread can be had. Never parks. A call that was handed over is run; its owner
  // must see its end before the worker's driver is gone. Any thread, while the runtime has workers.
  [[nodiscard]] bool start(background_call& call) const noexcept;

 private:
  detail::blocking_pool* pool_ = nullptr;
};

}  // namespace weft
