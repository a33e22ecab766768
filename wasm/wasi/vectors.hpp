// The scattered buffers of a read or write, as the host's system calls take them.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <weft/wasm/wasi/memory.hpp>

namespace weft::wasm::wasi {

// Copyable, so that a wait can keep it. Transfers at most `most_bytes`, and the first `most_vectors`: programs deal
// with short counts, and a longer call would keep a worker from others.
class buffer_list {
 public:
  static constexpr std::size_t most_bytes = std::size_t{8} << 20;
  static constexpr std::size_t most_vectors = 1024;

  // Throws failure{fault} for buffers outside of the memory, failure{inval} for too many bytes to count.
  buffer_list(const guest_memory& memory, pointer vectors, size count);

  [[nodiscard]] std::span<const iovec> vectors() const noexcept {
    return many_.empty() ? std::span<const iovec>(few_.data(), used_) : std::span<const iovec>(many_);
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  // Leaves out the first n bytes.
  void advance(std::size_t n) noexcept;

 private:
  std::span<iovec> mutable_vectors() noexcept {
    return many_.empty() ? std::span<iovec>(few_.data(), used_) : std::span<iovec>(many_);
  }
  void add(iovec v);

  std::array<iovec, 4> few_ = {};
  std::size_t used_ = 0;
  std::vector<iovec> many_;
  std::size_t bytes_ = 0;
};

}  // namespace weft::wasm::wasi
