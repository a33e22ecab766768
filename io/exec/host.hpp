// The runtime under the program: started by the first pthread_create(), never ended, and gone in the child of a fork().
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::exec {

struct program_thread;

// True if there is a runtime, started by this call if need be. False if threads must stay OS threads; that is told once on stderr.
// On the program's main thread or one of its fibers.
[[nodiscard]] bool have_runtime() noexcept;
// Whether there is one now.
[[nodiscard]] bool runtime_runs() noexcept;

// Where this library's code is.
struct code_range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};
[[nodiscard]] code_range own_code() noexcept;
// True for code of this library, by which the runtime's own threads are made.
[[nodiscard]] bool is_ours(const void* return_address) noexcept;

// Has the thread begin. False without memory.
[[nodiscard]] bool launch(program_thread& t, std::size_t stack_size) noexcept;
// Threads that have not ended. The last to end ends the process if main has left by pthread_exit().
void main_thread_exits() noexcept;

}  // namespace weft::exec
