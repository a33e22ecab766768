// A thread of the program that is run: a fiber of weft's under a thread pointer of its own.
//
// Two kinds of code share the worker's OS thread. The program's side runs with the thread pointer of the program's thread, so that all its
// thread-locals, errno and pthread_self() are that thread's wherever it runs. The runtime's side (weft, its engines, Boost.Fiber) runs with the
// worker's own. on_runtime_side() is the only door between the two, and costs two writes of the thread pointer (12 ns each). Nothing that is kept from
// one side holds on the other: code on either side is compiled apart, and no function looks at a thread-local on both.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <weft/io/exec/audit.hpp>
#include <weft/io/exec/glibc.hpp>
#include <weft/scheduler/foreign_threads.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft::exec {

struct program_thread {
  char* block = nullptr;            // its thread pointer; constant
  char* worker = nullptr;           // that of the OS thread which runs it, as of its latest way through the door
  program_thread* next = nullptr;   // in the pool
  program_thread* older = nullptr;  // among all that were ever made

  void* (*function)(void*) = nullptr;
  void* argument = nullptr;
  void* result = nullptr;
  int tid = 0;  // made up: beyond all that the kernel gives
  char name[16] = {};

  char* stack_low = nullptr;
  std::size_t stack_size = 0;
  void* given_stack = nullptr;  // by pthread_attr_setstack
  std::size_t given_stack_size = 0;
  std::size_t guard_size = 0;

  std::atomic<bool> started{false};
  std::atomic<bool> finished{false};
  bool orphaned = false;  // the only thread of a forked child

  spin_lock lock;  // for what follows
  bool detached = false;
  bool joined = false;
  ticket interruptible;          // the wait that it is in, if pthread_cancel or a signal may end it
  foreign_threads::waits waits;  // for input, output and the like; empty before it has begun and after its end

  std::atomic<std::uint64_t> pending{0};  // signals sent to it that it has not handled
  std::uint64_t blocked = 0;              // its signal mask; the kernel's knows nothing of it
  stack_t alternate_stack = {};
};

// The calling thread of the program; nullptr on the main thread, on threads that the C library made for itself, and on the runtime's side.
// Its address never changes while a function of the program's side runs, wherever it parks: initial-exec, in the thread's own block.
[[gnu::tls_model("initial-exec")]] inline thread_local constinit program_thread* current_thread = nullptr;
// The program's main thread, which stays an OS thread; in a forked child the one that called fork().
[[gnu::tls_model("initial-exec")]] inline thread_local constinit bool is_main_thread = false;

[[nodiscard]] inline program_thread* this_program_thread() noexcept { return current_thread; }

// The two halves of the door, for who goes through it by hand.
[[gnu::always_inline]] inline void to_runtime_side(const program_thread& self) noexcept {
  if (audit::is_on) [[unlikely]]
    audit::watch(self.worker, false);
  set_thread_pointer(self.worker);
}
[[gnu::always_inline]] inline void to_program_side(program_thread& self) noexcept {
  self.worker = thread_pointer();
  if (audit::is_on) [[unlikely]]
    audit::watch(self.worker, true);
  set_thread_pointer(self.block);
}

namespace detail {
void cross_to_runtime(program_thread& self, void (*f)(void*) noexcept, void* argument) noexcept;
}

// While it exists the main thread is no thread of the program's: what the runtime calls on it are the real functions.
class main_thread_inside {
 public:
  main_thread_inside() noexcept : was_(std::exchange(is_main_thread, false)) {}
  ~main_thread_inside() { is_main_thread = was_; }
  main_thread_inside(const main_thread_inside&) = delete;
  main_thread_inside& operator=(const main_thread_inside&) = delete;

 private:
  const bool was_;
};

// Calls f() on the runtime's side. f must not throw.
template <class F>
void on_runtime_side(F&& f) noexcept {
  program_thread* self = this_program_thread();
  if (self == nullptr) {
    const main_thread_inside inside;
    return f();
  }
  detail::cross_to_runtime(
      *self, [](void* p) noexcept { (*static_cast<std::remove_reference_t<F>*>(p))(); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

// Whose pthread_t this is, if a fiber's.
[[nodiscard]] program_thread* program_thread_of(pthread_t id) noexcept;
[[nodiscard]] inline pthread_t id_of(const program_thread& t) noexcept { return reinterpret_cast<pthread_t>(t.block); }

// True if a cancellation has been asked for that the calling thread has not switched off.
[[nodiscard]] bool must_cancel(const program_thread& t) noexcept;
// True if a signal is to be handled.
[[nodiscard]] inline bool must_handle_signal(const program_thread& t) noexcept {
  return (t.pending.load(std::memory_order_seq_cst) & ~t.blocked) != 0;
}

// Whose made-up number this is. Linear in the number of threads there have been at once.
[[nodiscard]] program_thread* program_thread_numbered(int tid) noexcept;

// A block for a new thread, from the pool or fresh; nullptr without memory. The program's side.
[[nodiscard]] program_thread* take_thread() noexcept;
// Its memory stays, so that a pthread_t never points to nothing.
void recycle(program_thread& t) noexcept;

}  // namespace weft::exec
