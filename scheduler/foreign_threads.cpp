#include <weft/scheduler/foreign_threads.hpp>

#include <bit>
#include <cstdio>
#include <cstdlib>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/own_stack.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

namespace {

struct call {
  foreign_threads::function function;
  void* argument;
};

[[noreturn]] void die_without_stack(std::size_t size) noexcept {
  std::fprintf(
      stderr,
      "weft: no address space for the stack of another thread (%zu KiB); raise vm.max_map_count or the limit of "
      "memory, run fewer threads at a time, or give them smaller stacks\n",
      size >> 10);
  std::abort();
}

void perform(detail::task_node& node, detail::task_node::action action) {
  detail::fiber& self = *detail::this_worker()->current();
  if (action != detail::task_node::action::run) die_without_stack(self.runtime->stacks.size());
  const call c = detail::stored<call>::get(node.storage);
  self.task = &node;
  self.current_scope = &self.runtime->outermost;
  if (node.stack_order == 0) {
    c.function(c.argument);
  } else if (!detail::call_on_own_stack(self, node.stack_order, c.function, c.argument)) {
    die_without_stack(std::size_t{1} << node.stack_order);
  }
  if (self.registered != nullptr) self.registered->remove_member(self);
  self.current_scope = nullptr;
  self.task = nullptr;
  detail::free_task(&node);
}

}  // namespace

foreign_threads::foreign_threads(runtime& of) {
  of.run([this] { core_ = &detail::this_worker()->runtime(); });
}

void foreign_threads::spawn(function f, void* argument, const char* name, std::size_t stack_size) const {
  const std::size_t usual = core_->stacks.size();
  const std::uint8_t order = stack_size <= usual ? std::uint8_t{0} : detail::stack_order_of(std::bit_ceil(stack_size));
  detail::task_node* node = detail::allocate_task();
  node->perform = &perform;
  node->group = nullptr;
  node->stack_order = order;
  node->name = name;
  node->context_values = nullptr;
  detail::stored<call>::construct(node->storage, call{f, argument});
  core_->inject_from_outside(*node);
}

foreign_threads::extent foreign_threads::stack_of_caller() noexcept {
  const detail::worker* w = detail::this_worker();
  if (w == nullptr) return {};
  return {w->current()->stack_low, w->current()->stack_size};
}

}  // namespace weft
