#include <weft/scheduler/detail/own_stack.hpp>

#include <algorithm>
#include <bit>
#include <boost/context/detail/fcontext.hpp>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/task_node.hpp>

namespace weft::detail {

namespace {

namespace context = boost::context::detail;

struct call {
  void (*function)(void*) noexcept;
  void* argument;
};

// The last switch is one "on top", by which Boost.Context's users say that a stack is left for good.
void enter(context::transfer_t caller) {
  call& c = *static_cast<call*>(caller.data);
  c.function(c.argument);
  context::ontop_fcontext(caller.fctx, &c, [](context::transfer_t back) { return back; });
}

}  // namespace

std::uint8_t stack_order_of(std::size_t stack_size) {
  constexpr std::size_t least = 64 << 10;
  constexpr std::size_t most = std::size_t{1} << 30;
  if (!std::has_single_bit(stack_size) || stack_size < least || stack_size > most) {
    throw std::invalid_argument("weft: spawn_options::stack_size is " + std::to_string(stack_size) +
                                "; it must be a power of two from " + std::to_string(least) + " to " +
                                std::to_string(most) + " bytes, or 0 for the fiber's own stack");
  }
  return static_cast<std::uint8_t>(std::countr_zero(stack_size));
}

stack_pool& own_stacks::of(unsigned order) {
  std::lock_guard guard(lock_);
  std::unique_ptr<stack_pool>& pool = pools_[order];
  if (pool == nullptr) pool = std::make_unique<stack_pool>(std::size_t{1} << order);
  return *pool;
}

std::size_t own_stacks::live() const noexcept {
  std::lock_guard guard(lock_);
  std::size_t n = 0;
  for (const auto& pool : pools_) n += pool != nullptr ? pool->live() : 0;
  return n;
}

std::size_t own_stacks::high_water() const {
  std::size_t deepest = 0;
  for (unsigned order = 0; order < orders; ++order) {
    if (const stack_pool* pool = existing(order)) deepest = std::max(deepest, pool->high_water());
  }
  return deepest;
}

// A pool stays until the runtime goes.
const stack_pool* own_stacks::existing(unsigned order) const noexcept {
  std::lock_guard guard(lock_);
  return pools_[order].get();
}

bool call_on_own_stack(fiber& self, unsigned order, void (*function)(void*) noexcept, void* argument) {
  stack_pool& pool = self.runtime->own_stacks.of(order);
  char* stack = pool.take();
  if (stack == nullptr) return false;
  const std::size_t usable = pool.size() - stack_pool::guard_size;
  char* const low = std::exchange(self.stack_low, stack + stack_pool::guard_size);
  const std::size_t size = std::exchange(self.stack_size, usable);
  call c{function, argument};
  context::jump_fcontext(context::make_fcontext(stack + pool.size(), usable, &enter), &c);
  self.stack_low = low;
  self.stack_size = size;
  pool.give_back(stack);
  return true;
}

}  // namespace weft::detail
