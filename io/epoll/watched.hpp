// A descriptor in an epoll set: who waits for it, and what the kernel was told.
#pragma once

#include <cstdint>

#include <weft/io/detail/operation.hpp>

namespace weft::io::epoll {

// How the kernel reports.
enum class report : std::uint8_t {
  nothing,  // the descriptor is not in the set
  // Level-triggered, and left in the set between waits: for descriptors that weft owns, which are known by their identity.
  levels,
  // Edge-triggered, and asked for anew by each wait: for plain descriptors, whose number may be another file's by then. An edge that
  // nobody can be found for is heard of once.
  edges,
};

class watched {
 public:
  [[nodiscard]] bool has_waiters() const noexcept { return first_ != nullptr; }
  [[nodiscard]] detail::operation* first() const noexcept { return first_; }
  void append(detail::operation& op) noexcept;
  void remove(detail::operation& op) noexcept;
  // The events that any of the waiting operations waits for.
  [[nodiscard]] std::uint32_t wanted() const noexcept;

  // What the events of this descriptor are marked with: the number, how they are reported, and a count of the files it has been.
  [[nodiscard]] std::uint64_t tag(int fd) const noexcept;
  [[nodiscard]] static int descriptor_of(std::uint64_t tag) noexcept;
  [[nodiscard]] static bool is_of_levels(std::uint64_t tag) noexcept;

  // A file of which nothing is known yet; events with older tags are none of its.
  void become(std::uint64_t identity, report how) noexcept;

  std::uint64_t identity = 0;  // operation::identity of the file that is reported as levels
  std::uint32_t interest = 0;  // what the kernel was told
  report reported = report::nothing;
  bool is_nonblocking = false;  // known to be

 private:
  detail::operation* first_ = nullptr;
  detail::operation* last_ = nullptr;
  std::uint32_t generation_ = 0;
};

}  // namespace weft::io::epoll
