// The product's own headers on Relacy's atomics: include this before them.
//
// Relacy (Dmitry Vyukov) runs a few threads through thousands of interleavings and through what the C++ memory model lets each load see,
// and reports data races, failed assertions, deadlocks and endless loops. Our headers say std::atomic; here `std` names a namespace that
// is the real one but for atomics and fences, which are Relacy's. All standard headers that ours use are therefore included before.
//
// Two things are those of x86-64, on which weft runs, and not of the memory model: a read-modify-write that is sequentially
// consistent is also a full fence (it is a locked instruction).
#pragma once

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <source_location>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <relacy/relacy.hpp>

// Relacy redefines these as macros.
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef errno
#undef assert
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef sched_yield

namespace model {

// Relacy replaces these by inline functions; a compiler may inline them here and leave them out for the standard library.
[[gnu::used]] inline void* (*const keep_new)(std::size_t) = &::operator new;
[[gnu::used]] inline void* (*const keep_new_array)(std::size_t) = &::operator new[];
[[gnu::used]] inline void (*const keep_delete)(void*) = &::operator delete;
[[gnu::used]] inline void (*const keep_delete_array)(void*) = &::operator delete[];

// What a run spoils, to show that the model would notice.
enum class fault {
  none,
  release,  // releasing stores and read-modify-writes become relaxed
  acquire,  // acquiring loads and read-modify-writes become relaxed
  seq_cst,  // sequentially consistent operations become acquire-release, without the fence
  fence,    // fences do nothing
  light,    // the light side of an asymmetric fence does nothing
  heavy,    // the heavy side does nothing
  step,     // a step is left out, or two are swapped: which, the model says
};
inline fault injected = fault::none;
[[nodiscard]] inline bool with(fault f) { return injected == f; }

inline rl::debug_info info(const std::source_location& at) {
  return {at.function_name(), at.file_name(), static_cast<unsigned>(at.line())};
}

inline rl::memory_order order(std::memory_order mo) {
  switch (mo) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
    case std::memory_order_acquire:
      return with(fault::acquire) ? rl::mo_relaxed : rl::mo_acquire;
    case std::memory_order_release:
      return with(fault::release) ? rl::mo_relaxed : rl::mo_release;
    case std::memory_order_acq_rel:
      if (with(fault::release)) return rl::mo_acquire;
      return with(fault::acquire) ? rl::mo_release : rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      return with(fault::seq_cst) ? rl::mo_acq_rel : rl::mo_seq_cst;
  }
  return rl::mo_seq_cst;
}

// A load's order that a failed exchange has, given the one of success.
inline rl::memory_order order_of_failure(std::memory_order success) {
  if (success == std::memory_order_acq_rel) return order(std::memory_order_acquire);
  if (success == std::memory_order_release) return rl::mo_relaxed;
  if (success == std::memory_order_seq_cst && with(fault::seq_cst)) return rl::mo_acquire;
  return order(success);
}

// Where an access to an rl::var stands.
inline rl::debug_info here(const std::source_location& at = std::source_location::current()) { return info(at); }

inline void pause() { rl::yield(1, here()); }

namespace standard {

using namespace ::std;

using where = ::std::source_location;

inline void atomic_thread_fence(memory_order mo, const where& at = where::current()) {
  if (!with(fault::fence)) rl::atomic_thread_fence(order(mo), info(at));
}
inline void atomic_signal_fence(memory_order) {}

template <class T>
class atomic {
 public:
  atomic() { value_.store(T{}, rl::mo_relaxed, rl::debug_info()); }
  atomic(T initial) { value_.store(initial, rl::mo_relaxed, rl::debug_info()); }  // NOLINT: as std's

  T load(memory_order mo = memory_order_seq_cst, const where& at = where::current()) const {
    return value_.load(load_order(mo), info(at));
  }
  void store(T to, memory_order mo = memory_order_seq_cst, const where& at = where::current()) {
    value_.store(to, store_order(mo), info(at));
  }
  T exchange(T to, memory_order mo = memory_order_seq_cst, const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.exchange(to, order(mo), info(at));
  }
  bool compare_exchange_strong(T& expected, T to, memory_order mo = memory_order_seq_cst,
                               const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.compare_exchange(rl::bool_t<false>(), expected, to, order(mo), order_of_failure(mo), info(at));
  }
  bool compare_exchange_strong(T& expected, T to, memory_order mo, memory_order failure,
                               const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.compare_exchange(rl::bool_t<false>(), expected, to, order(mo), weaker(mo, failure), info(at));
  }
  bool compare_exchange_weak(T& expected, T to, memory_order mo, memory_order failure,
                             const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.compare_exchange(rl::bool_t<true>(), expected, to, order(mo), weaker(mo, failure), info(at));
  }
  T fetch_add(T n, memory_order mo = memory_order_seq_cst, const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.fetch_add(n, order(mo), info(at));
  }
  T fetch_sub(T n, memory_order mo = memory_order_seq_cst, const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.fetch_sub(n, order(mo), info(at));
  }
  T fetch_or(T bits, memory_order mo = memory_order_seq_cst, const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.fetch_or(bits, order(mo), info(at));
  }
  T fetch_and(T bits, memory_order mo = memory_order_seq_cst, const where& at = where::current()) {
    const locked guard(mo, at);
    return value_.fetch_and(bits, order(mo), info(at));
  }

 private:
  // A locked instruction is a full fence before and after.
  class locked {
   public:
    locked(memory_order mo, const where& at) : full_(mo == memory_order_seq_cst && !with(fault::seq_cst)), at_(at) {
      fence();
    }
    ~locked() noexcept(false) { fence(); }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;

   private:
    void fence() const {
      if (full_) rl::atomic_thread_fence(rl::mo_seq_cst, info(at_));
    }
    bool full_;
    where at_;
  };

  static rl::memory_order load_order(memory_order mo) {
    return with(fault::seq_cst) && mo == memory_order_seq_cst ? rl::mo_acquire : order(mo);
  }
  static rl::memory_order store_order(memory_order mo) {
    return with(fault::seq_cst) && mo == memory_order_seq_cst ? rl::mo_release : order(mo);
  }
  // Relacy insists that a failure is no stronger than the success.
  static rl::memory_order weaker(memory_order success, memory_order failure) {
    const rl::memory_order s = order(success);
    return s == rl::mo_relaxed || s == rl::mo_release ? rl::mo_relaxed : load_order(failure);
  }

  mutable rl::atomic<T> value_;
};

}  // namespace standard

// Runs the model: without arguments it must hold, with the name of a fault that fault must be found.
template <class Suite>
int check(int argc, char** argv, rl::iteration_t iterations,
          std::initializer_list<std::pair<std::string_view, fault>> faults) {
  std::string_view name = "none";
  if (argc > 1) {
    name = argv[1];
    for (const auto& [known, f] : faults) {
      if (name == known) injected = f;
    }
    if (injected == fault::none) {
      std::fprintf(stderr, "no fault named %s\n", argv[1]);
      return 2;
    }
  }
  rl::test_params parameters;
  parameters.iteration_count = iterations;
  std::ofstream nowhere("/dev/null");
  parameters.progress_stream = &nowhere;
  if (injected != fault::none && argc == 2) parameters.output_stream = &nowhere;  // with one more argument: shown
  const bool holds = rl::simulate<Suite>(parameters);
  std::printf("%s in %llu interleavings\n", rl::test_result_str(parameters.test_result),
              static_cast<unsigned long long>(parameters.stop_iteration));
  const bool as_expected = holds == (injected == fault::none);
  if (!as_expected && holds) std::puts("The fault was not found.");
  return as_expected ? 0 : 1;
}

}  // namespace model

// From here on our headers are compiled with the model's atomics, and their pauses are switches.
#define std model::standard
#define __builtin_ia32_pause model::pause  // NOLINT(bugprone-reserved-identifier)
