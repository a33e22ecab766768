// What io/exec must know of the C library's inside to give each fiber a thread's identity: where things stand in glibc's thread control block, and a
// few functions that only its own loader is meant to call. One row of offsets for each version that was looked at; for any other, and for a machine
// without the instructions that set the thread pointer, `why_not()` says why threads must stay threads.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace weft::exec {

// Bytes from the beginning of `struct pthread`, which is where the thread pointer points.
struct glibc_layout {
  const char* version;
  std::size_t size;  // of struct pthread, as the library tells debuggers
  std::size_t tcb, dtv, self, multiple_threads, stack_guard, pointer_guard, feature_1;
  std::size_t list;  // in the loader's list of threads on stacks of the user's
  std::size_t tid, robust_previous, robust_head;
  std::size_t cleanup, cleanup_jump, cancel_handling;
  std::size_t first_specifics, specifics, specific_used, user_stack;
  std::size_t join_id, result, stack_block, stack_block_size, guard_size, reported_guard_size;
  std::size_t resolver_state, rseq;
  std::size_t stack_cache_lock;  // in _rtld_global
};

// Bits of the field cancel_handling.
inline constexpr int cancel_disabled = 1;
inline constexpr int cancel_pending = 4;
inline constexpr int cancel_requested = 8;
inline constexpr int thread_exiting = 16;

struct glibc {
  const glibc_layout* at = nullptr;
  std::size_t static_tls_size = 0;  // struct pthread included
  std::size_t static_tls_alignment = 0;
  std::ptrdiff_t own_tls =
      0;  // the library's own thread-locals, from the thread pointer; the allocator's cache is among them
  std::size_t own_tls_size = 0;
  std::ptrdiff_t resolver_pointer = 0;  // `__resp`; 0: there is none
  char* loader_state = nullptr;         // _rtld_global
  std::size_t user_stacks = 0;          // in it: the head of the list above

  void* (*allocate_tls)(void* thread_pointer) = nullptr;
  void* (*initialise_tls)(void* thread_pointer, bool main_thread) = nullptr;
  void (*initialise_ctype)() = nullptr;
  void (*run_tls_destructors)() = nullptr;

  // Empty if fibers can be threads here, else the reason. Looks once.
  static const std::string& why_not() noexcept;
  static const glibc& instance() noexcept;
};

template <class T>
[[nodiscard]] T& field(char* thread_pointer, std::size_t offset) noexcept {
  return *reinterpret_cast<T*>(thread_pointer + offset);
}

// The thread pointer of x86-64, the base of segment fs.
[[gnu::always_inline]] inline void set_thread_pointer(char* p) noexcept {
  asm volatile("wrfsbase %0" ::"r"(p) : "memory");
}
[[gnu::always_inline]] inline char* thread_pointer() noexcept {
  char* p = nullptr;
  asm volatile("rdfsbase %0" : "=r"(p)::"memory");
  return p;
}

}  // namespace weft::exec
