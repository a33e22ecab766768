// Where a simulation (io/testing.hpp) has its way with a system call that this module makes without waiting.
//
// Costs one comparison in a program that has none.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weft::io::detail {

enum class faulty_call : std::uint8_t { read, write, receive, send, message, socket };

struct fault {
  std::int64_t result = 0;      // negative: the call is not made, and this is what it returns
  std::size_t most = SIZE_MAX;  // bytes that it may transfer
};

class fault_source {
 public:
  // Asked before each call of its thread. `bytes`: what the call could transfer.
  virtual fault before(faulty_call call, int fd, std::size_t bytes) noexcept = 0;

 protected:
  ~fault_source() = default;
};

// Threads that have a source.
extern std::atomic<unsigned> fault_sources;
// Of the calling thread; nullptr: none.
void set_fault_source(fault_source* source) noexcept;
fault ask_fault_source(faulty_call call, int fd, std::size_t bytes) noexcept;

inline fault fault_before(faulty_call call, int fd, std::size_t bytes) noexcept {
  if (fault_sources.load(std::memory_order_relaxed) == 0) [[likely]]
    return {};
  return ask_fault_source(call, fd, bytes);
}

}  // namespace weft::io::detail
