// Where a fiber that is switched out continues: Boost.Context's frame, which lies on top of its stack. All that the observing code leans on in
// Boost's internals (1.81 to 1.83, x86-64) stands here; a dump of a parked fiber in tests/scheduler/dump_test.cpp proves it.
#pragma once

#include <boost/fiber/context.hpp>
#include <cstddef>
#include <cstdint>

namespace weft::detail {

// As jump_fcontext and ontop_fcontext of Boost.Context push it; the stack pointer of who continues lies behind it.
struct saved_context {
  std::uint32_t mxcsr;
  std::uint32_t x87_control;
  std::uint64_t guard;
  std::uint64_t r12, r13, r14, r15, rbx, rbp, rip;
};
static_assert(sizeof(saved_context) == 0x48);

// How far behind the beginning of a Boost context the word stands that holds the address of its saved_context; null there: it runs.
[[nodiscard]] std::ptrdiff_t offset_of_saved_context() noexcept;

[[nodiscard]] inline saved_context* const* saved_context_of(const boost::fibers::context* c) noexcept {
  return reinterpret_cast<saved_context* const*>(reinterpret_cast<const char*>(c) + offset_of_saved_context());
}

}  // namespace weft::detail
