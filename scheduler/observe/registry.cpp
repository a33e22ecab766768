#include <weft/scheduler/observe/registry.hpp>

#include <atomic>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>

extern "C" const struct weft_debug_table weft_debug;  // debug_layout.cpp

namespace weft::detail {

namespace {

// Whoever holds it does so for a few instructions, or takes a dump.
std::unique_lock<std::mutex> spin_until_locked(std::mutex& mutex) noexcept {
  std::unique_lock guard(mutex, std::try_to_lock);
  for (spin_wait wait; !guard.owns_lock(); guard = std::unique_lock(mutex, std::try_to_lock)) wait.pause();
  return guard;
}

}  // namespace

void fiber_list::add(fiber& f) noexcept {
  static std::atomic<std::uint64_t> numbers{0};
  const auto guard = spin_until_locked(mutex_);
  f.number = numbers.fetch_add(1, std::memory_order_relaxed) + 1;
  f.next_known = first_;
  if (first_ != nullptr) first_->previous_known = &f;
  first_ = &f;
}

void fiber_list::remove(fiber& f) noexcept {
  const auto guard = spin_until_locked(mutex_);
  (f.previous_known != nullptr ? f.previous_known->next_known : first_) = f.next_known;
  if (f.next_known != nullptr) f.next_known->previous_known = f.previous_known;
}

void runtime_list::add(runtime_core& runtime) noexcept {
  asm volatile("" ::"r"(&weft_debug));  // a debugger wants it in every program that has runtimes
  const std::lock_guard guard(mutex_);
  static unsigned numbers = 0;
  runtime.number = ++numbers;
  runtime.next_runtime = first_;
  first_ = &runtime;
}

void runtime_list::remove(runtime_core& runtime) noexcept {
  const std::lock_guard guard(mutex_);
  runtime_core** link = &first_;
  while (*link != nullptr && *link != &runtime) link = &(*link)->next_runtime;
  if (*link != nullptr) *link = runtime.next_runtime;
}

}  // namespace weft::detail
