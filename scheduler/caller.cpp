#include <weft/scheduler/caller.hpp>

#include <pthread.h>

#include <thread>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft {

namespace {

struct stack_range {
  const char* low = nullptr;
  std::size_t size = 0;
  [[nodiscard]] bool contains(const void* address) const noexcept {
    const auto* at = static_cast<const char*>(address);
    return at >= low && at < low + size;
  }
};

stack_range find_stack_of_thread() noexcept {
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return {};
  void* low = nullptr;
  stack_range range;
  ::pthread_attr_getstack(&attributes, &low, &range.size);
  range.low = static_cast<const char*>(low);
  ::pthread_attr_destroy(&attributes);
  return range;
}

// Functions of their own, as the address of a thread-local must not be kept across a switch.
[[gnu::noinline]] bool is_on_stack_of_thread(const void* address) noexcept {
  thread_local const stack_range range = find_stack_of_thread();
  return range.contains(address);
}

[[gnu::noinline]] const void* id_of_thread() noexcept {
  thread_local const char here = 0;
  return &here;
}

// The fiber that calls; nullptr on a thread, and on a worker's own stacks.
detail::fiber* calling_fiber() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr && w->current()->may_park() ? w->current() : nullptr;
}

}  // namespace

const void* caller_id() noexcept {
  const detail::fiber* f = calling_fiber();
  if (f == nullptr) return id_of_thread();
  return f->task != nullptr ? static_cast<const void*>(f->task) : f;
}

bool is_on_callers_stack(const void* address) noexcept {
  if (address == nullptr) return false;
  const detail::fiber* f = calling_fiber();
  if (f == nullptr) return is_on_stack_of_thread(address);
  return stack_range{f->stack_low, f->stack_size}.contains(address);
}

bool spinning_may_help() noexcept {
  const detail::worker* w = detail::this_worker();
  if (w == nullptr) {
    static const bool several = std::thread::hardware_concurrency() > 1;
    return several;
  }
  const detail::runtime_core& runtime = w->runtime();
  return runtime.workers().size() > 1 && !w->has_ready_fibers() && runtime.seeded == nullptr;
}

void give_way() noexcept {
  if (calling_fiber() != nullptr) detail::this_worker()->yield();
}

}  // namespace weft
