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
  // The most bytes of a stack that were ever touched, in whole pages; 0 if unknown. One call looks at 4,096 stacks at most, the
  // next one goes on there. Any thread.
  [[nodiscard]] std::size_t high_water() const;

 private:
  bool map_more() noexcept;
  [[nodiscard]] std::size_t mapping_size() const noexcept { return size_ * stacks_per_mapping_; }
  [[nodiscard]] std::vector<char*> next_to_look_at() const;
  [[nodiscard]] std::size_t deepest_in(const char* mapping, std::vector<unsigned char>& pages) const noexcept;

  const std::size_t size_;
  const std::size_t stacks_per_mapping_;
  mutable spin_lock lock_;
  std::vector<char*> free_;
  std::vector<char*> mappings_;
  std::size_t live_ = 0;
  mutable std::size_t look_next_ = 0;  // a mapping
  mutable std::size_t high_water_ = 0;
};

}  // namespace weft::detail
