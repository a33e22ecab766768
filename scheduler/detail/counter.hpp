// A number that one thread counts and any thread may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace weft::detail {

class counter {
 public:
  // Owner only; never a locked instruction. Of a relaxed load, an addition and a store the compilers make three instructions.
  void add(std::uint64_t n = 1) noexcept {
#if defined(__x86_64__)
    asm("addq %1, %0" : "+m"(value_) : "er"(n) : "cc");
#else
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
#endif
  }
  void subtract(std::uint64_t n = 1) noexcept { add(0 - n); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace weft::detail
