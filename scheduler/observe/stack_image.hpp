// A stack as it stood at one moment: registers and a copy of its innermost part. Unwinding works on the copy alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::detail {

struct stack_image {
  // By the numbers of the x86-64 ABI's DWARF mapping: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, rip.
  static constexpr std::size_t rbx = 3, rbp = 6, rsp = 7, r12 = 12, r13 = 13, r14 = 14, r15 = 15, rip = 16;
  // More than most stacks in use have; what lies further out is not seen.
  static constexpr std::size_t most_bytes = 64 << 10;

  std::array<std::uint64_t, 17> registers{};
  std::vector<std::byte> bytes;  // from registers[rsp] upwards

  [[nodiscard]] bool empty() const noexcept { return bytes.empty(); }
};

}  // namespace weft::detail
