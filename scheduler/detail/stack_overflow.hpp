// Turns the crash of an overflowing fiber stack into a message that names the fiber.
#pragma once

namespace weft::detail {

// One in each worker's thread: an alternate stack for signal handlers, since the fiber's own is full when it is needed. The
// handler for SIGSEGV is the process's and installed once; faults that are no overflow go to the handler that was there before.
class stack_overflow_guard {
 public:
  stack_overflow_guard() noexcept;
  ~stack_overflow_guard();
  stack_overflow_guard(const stack_overflow_guard&) = delete;
  stack_overflow_guard& operator=(const stack_overflow_guard&) = delete;

 private:
  void* alternate_stack_ = nullptr;
};

}  // namespace weft::detail
