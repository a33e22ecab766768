#include <weft/io/detail/fault_point.hpp>

namespace weft::io::detail {

namespace {

thread_local fault_source* source_of_thread = nullptr;

}  // namespace

std::atomic<unsigned> fault_sources{0};

// Out of line, both: fibers that call may go on in other threads.
[[gnu::noinline]] void set_fault_source(fault_source* source) noexcept {
  if (source_of_thread == nullptr && source != nullptr) fault_sources.fetch_add(1, std::memory_order_relaxed);
  if (source_of_thread != nullptr && source == nullptr) fault_sources.fetch_sub(1, std::memory_order_relaxed);
  source_of_thread = source;
}

[[gnu::noinline]] fault ask_fault_source(faulty_call call, int fd, std::size_t bytes) noexcept {
  return source_of_thread != nullptr ? source_of_thread->before(call, fd, bytes) : fault{};
}

}  // namespace weft::io::detail
