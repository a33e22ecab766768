#include <weft/scheduler/foreign_threads.hpp>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/own_stack.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

// The scope of one thread. A scope is cancelled once and for all, so there is another after each interruption.
class detail::foreign_waits {
 public:
  explicit foreign_waits(fiber& of) noexcept : fiber_(of) { enter_new_scope(); }
  ~foreign_waits() { leave_scope(); }
  foreign_waits(const foreign_waits&) = delete;
  foreign_waits& operator=(const foreign_waits&) = delete;

  void interrupt() noexcept {
    const std::lock_guard guard(lock_);
    scope_->cancel(cancel_reason::requested);
  }
  void renew() noexcept {
    const std::lock_guard guard(lock_);
    leave_scope();
    enter_new_scope();
  }

 private:
  void enter_new_scope() noexcept {
    scope_.emplace(detached, fiber_.runtime->outermost);
    fiber_.current_scope = &*scope_;
  }
  void leave_scope() noexcept {
    if (fiber_.registered != nullptr) fiber_.registered->remove_member(fiber_);
    fiber_.current_scope = nullptr;
    scope_.reset();
  }

  fiber& fiber_;
  spin_lock lock_;
  std::optional<scope> scope_;
};

namespace {

struct call {
  foreign_threads::function function;
  void* argument;
  detail::foreign_waits* waits;
};

[[noreturn]] void die_without_stack(std::size_t size) noexcept {
  std::fprintf(
      stderr,
      "weft: no address space for the stack of another thread (%zu KiB); raise vm.max_map_count or the limit of "
      "memory, run fewer threads at a time, or give them smaller stacks\n",
      size >> 10);
  std::abort();
}

void run_on_stack(detail::fiber& self, const detail::task_node& node, const call& c) {
  if (node.stack_order == 0) return c.function(c.argument);
  if (!detail::call_on_own_stack(self, node.stack_order, c.function, c.argument)) {
    die_without_stack(std::size_t{1} << node.stack_order);
  }
}

void perform(detail::task_node& node, detail::task_node::action action) {
  detail::fiber& self = *detail::this_worker()->current();
  if (action != detail::task_node::action::run) die_without_stack(self.runtime->stacks.size());
  call& c = detail::stored<call>::get(node.storage);
  self.task = &node;
  {
    detail::foreign_waits waits(self);
    c.waits = &waits;
    run_on_stack(self, node, c);
  }
  self.task = nullptr;
  detail::free_task(&node);
}

}  // namespace

foreign_threads::foreign_threads(runtime& of) {
  of.run([this] { core_ = &detail::this_worker()->runtime(); });
  core_->watcher.start();  // what is spawned here no run() waits for
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
  detail::stored<call>::construct(node->storage, call{f, argument, nullptr});
  core_->inject_from_outside(*node);
}

foreign_threads::extent foreign_threads::stack_of_caller() noexcept {
  const detail::worker* w = detail::this_worker();
  if (w == nullptr) return {};
  return {w->current()->stack_low, w->current()->stack_size};
}

foreign_threads::waits foreign_threads::waits::of_caller() noexcept {
  return waits(detail::stored<call>::get(detail::this_worker()->current()->task->storage).waits);
}
void foreign_threads::waits::interrupt() const noexcept { of_->interrupt(); }
void foreign_threads::waits::renew() const noexcept { of_->renew(); }

}  // namespace weft
