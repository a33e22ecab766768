#include <weft/scheduler/detail/fences.hpp>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weft::detail {

namespace {

bool register_process() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

// When the program begins: of a process that has threads already the kernel makes it wait for milliseconds.
[[maybe_unused]] const bool registered_early = register_process();

}  // namespace

std::atomic<bool> membarrier_available{false};

void prepare_fences() noexcept { membarrier_available.store(register_process(), std::memory_order_seq_cst); }

void heavy_fence() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (membarrier_available.load(std::memory_order_relaxed)) {
    ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  }
}

}  // namespace weft::detail
