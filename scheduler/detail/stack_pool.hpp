// Stacks of fibers: cut from large mappings, committed by touch, guarded at the low end, pooled until the runtime ends.
#pragma once

#include <cstddef>
#include <vector>

#include <weft/scheduler/detail/spin_lock.hpp>

namespace weft::detail {

class stack_pool {
 public:
  // Frames larger than the guard could step over it; 16 KiB is what a page-sized guard costs with MADV_GUARD_INSTALL.
  static constexpr std::size_t guard_size = 16 << 10;

  // `size` bytes of address space a stack, guard included; a power of two. Throws std::invalid_argument otherwise.
  explicit stack_pool(std::size_t size);
  ~stack_pool();
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;

  // The lowest address of a stack, its guard; nullptr when the system gives no more (memory, or vm.max_map_count where
  // guards cost a mapping each). Any thread.
  char* take() noexcept;
  void give_back(char* stack) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t live() const noexcept;

 private:
  bool map_more() noexcept;

  const std::size_t size_;
  mutable spin_lock lock_;
  std::vector<char*> free_;
  std::vector<char*> mappings_;
  std::size_t live_ = 0;
};

}  // namespace weft::detail
