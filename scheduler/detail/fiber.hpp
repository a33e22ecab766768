// What weft keeps for each fiber, hung on its Boost context as fiber properties.
#pragma once

#include <boost/fiber/context.hpp>
#include <boost/fiber/properties.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <weft/scheduler/detail/context_value.hpp>
#include <weft/scheduler/detail/failure_list.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/wait_word.hpp>

namespace weft::detail {

class inline_run;
class worker;
struct task_node;
class runtime_core;

// The C++ runtime's per-thread exception state (the Itanium ABI's __cxa_eh_globals), which must follow the fiber.
struct exception_state {
  void* caught = nullptr;
  unsigned uncaught = 0;
  [[nodiscard]] bool empty() const noexcept { return caught == nullptr && uncaught == 0; }
};

// A stack and what runs on it. Fibers are pooled: a pointer to one stays valid until its runtime ends. One without a runtime stands for a
// thread that waits (thread_wait.hpp).
struct fiber : boost::fibers::fiber_properties {
  explicit fiber(runtime_core* r, boost::fibers::context* c = nullptr) noexcept : fiber_properties(c), runtime(r) {}
  ~fiber() override;

  [[nodiscard]] boost::fibers::context* context() const noexcept { return ctx_; }

  // True where blocking calls may park: on weft's hosts and on fibers made with Boost's own API, not on a worker's
  // main and dispatcher contexts.
  [[nodiscard]] bool may_park() const noexcept { return !pinned && current_scope != nullptr; }

  // The only worker that may resume it, while foreign code is on its stack; nullptr: any.
  worker* bound_to = nullptr;

  exception_state exceptions;  // while switched out
  int saved_errno = 0;         // while switched out
  bool pinned = false;         // a worker's main or dispatcher context: never migrates
  fiber* next = nullptr;       // link in whichever single list holds it: a pool, the injection queue, a list of claimed

  wait_word wait;
  const wait_kind* waits_for = &unnamed_wait;  // this and the next: what its latest wait is for
  const void* wait_object = nullptr;
  std::int64_t parked_at =
      0;  // nanoseconds of the steady clock, when its worker last looked at it before the latest wait
  runtime_core* runtime;

  detail::scope* current_scope = nullptr;
  detail::scope* registered = nullptr;  // the scope whose members it is among
  fiber* previous_member = nullptr;
  fiber* next_member = nullptr;

  task_node* task = nullptr;                 // what it runs, innermost
  inline_run* inline_runs = nullptr;         // and that within what, for dumps
  context_value* context_values = nullptr;   // what weft::local sees; a reference is held
  std::unique_ptr<failure_list> unreported;  // failures of groups left by a `cancelled`, on their way to the task's end
  char* stack_low = nullptr;                 // lowest usable address; nullptr where unknown
  std::size_t stack_size = 0;

  std::uint64_t number = 0;  // what people call it; 0: it is in no registry
  fiber* previous_known = nullptr;
  fiber* next_known = nullptr;
};

}  // namespace weft::detail
