// Stacks of other sizes than the runtime's, for tasks that asked for one (spawn_options::stack_size).
//
// Such a task is run by a fiber like any other, which stands on the larger stack meanwhile: it may park there and go on elsewhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/detail/stack_pool.hpp>

namespace weft::detail {

struct fiber;

// A pool a size, made when it is first needed.
class own_stacks {
 public:
  // Of 2^order bytes. Throws std::bad_alloc.
  stack_pool& of(unsigned order);
  [[nodiscard]] std::size_t live() const noexcept;
  [[nodiscard]] std::size_t high_water() const;

 private:
  [[nodiscard]] const stack_pool* existing(unsigned order) const noexcept;

  static constexpr unsigned orders = 64;
  mutable spin_lock lock_;
  std::array<std::unique_ptr<stack_pool>, orders> pools_;
};

// Calls function(argument) on a stack of 2^order bytes; the calling fiber's. False if there is none to be had.
[[nodiscard]] bool call_on_own_stack(fiber& self, unsigned order, void (*function)(void*) noexcept, void* argument);

}  // namespace weft::detail
