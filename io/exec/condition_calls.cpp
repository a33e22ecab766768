// Condition variables, semaphores and barriers.
//
// A condition variable's waiters are all in the lot, the main thread's too; the object tells its clock and whether processes share it. Threads that are
// neither fibers nor main wait by the real functions, so a signal goes both ways.
#include <pthread.h>
#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>

#include <weft/io/exec/host.hpp>
#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/real.hpp>
#include <weft/io/exec/waiting.hpp>
#include <weft/io/hooks/detail/barrier.hpp>
#include <weft/io/hooks/detail/real_threads.hpp>

namespace weft::exec {

namespace {

using io::hooks::barrier;
using io::hooks::make_barrier;
using io::hooks::real_barrier_destroy;
using io::hooks::real_barrier_init;
using io::hooks::real_barrier_wait;
using io::hooks::real_cond_broadcast;
using io::hooks::real_cond_clockwait;
using io::hooks::real_cond_signal;
using io::hooks::real_cond_timedwait;
using io::hooks::real_cond_wait;
using io::hooks::real_sem_clockwait;
using io::hooks::real_sem_post;
using io::hooks::real_sem_timedwait;
using io::hooks::real_sem_wait;

constexpr real_function<decltype(::sem_trywait), "sem_trywait"> real_sem_trywait;

bool waits_in_lot() noexcept { return this_program_thread() != nullptr || is_main_thread; }

// ---- condition variables

constexpr unsigned shared_flag = 1;
constexpr unsigned monotonic_flag = 2;

bool waits_in_lot(const pthread_cond_t& c) noexcept { return waits_in_lot() && (c.__data.__wrefs & shared_flag) == 0; }

int wait_for_signal(pthread_cond_t* c, pthread_mutex_t* m, time_point limit) {
  cancellation_point();
  lot_waiter::end how{};
  {
    lot_waiter waiter(c);
    if (const int error = ::pthread_mutex_unlock(m)) return error;
    how = waiter.sleep(limit, true);
    if (how != lot_waiter::end::woken && waiter.withdraw()) how = lot_waiter::end::woken;
  }
  const int error = ::pthread_mutex_lock(m);
  if (how == lot_waiter::end::interrupted) static_cast<void>(answer_interruption());  // and a spurious wake-up
  if (error != 0) return error;
  return how == lot_waiter::end::timed_out ? ETIMEDOUT : 0;
}

// ---- semaphores: two words, of which the first holds the value

bool is_shared(const sem_t& s) noexcept {
  int words[3];
  std::memcpy(words, &s, sizeof words);
  return words[2] != 0;
}

[[gnu::noinline]] bool try_semaphore(sem_t* s) noexcept {
  const int saved = errno;
  const bool taken = real_sem_trywait(s) == 0;
  if (!taken) errno = saved;
  return taken;
}

int fail(int error) noexcept {
  set_errno(error);
  return -1;
}

int wait_for_post(sem_t* s, time_point limit) {
  cancellation_point();
  for (;;) {
    if (try_semaphore(s)) return 0;
    lot_waiter waiter(s);
    if (try_semaphore(s)) {
      if (waiter.withdraw()) wake_waiters(s, 1);
      return 0;
    }
    const auto how = waiter.sleep(limit, true);
    if (how == lot_waiter::end::woken) continue;
    if (waiter.withdraw()) wake_waiters(s, 1);
    if (how == lot_waiter::end::timed_out) return fail(ETIMEDOUT);
    if (!answer_interruption()) return fail(EINTR);
  }
}

// ---- barriers

struct barrier_lot {
  template <class Condition>
  void wait_while(const std::atomic<std::uint32_t>& word, Condition still_waits) const noexcept {
    while (still_waits()) {
      lot_waiter waiter(&word);
      if (still_waits()) static_cast<void>(waiter.sleep(no_limit, false));
    }
  }
  void wake_all(const std::atomic<std::uint32_t>* word) const noexcept {
    if (somebody_waits(word)) wake_waiters(word, INT_MAX);
  }
};

}  // namespace

}  // namespace weft::exec

using namespace weft::exec;

#pragma GCC visibility push(default)
extern "C" {

int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
  return waits_in_lot(*c) ? wait_for_signal(c, m, no_limit) : real_cond_wait(c, m);
}

int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* limit) {
  if (!waits_in_lot(*c) || !is_valid(*limit)) return real_cond_timedwait(c, m, limit);
  const clockid_t clock = (c->__data.__wrefs & monotonic_flag) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
  return wait_for_signal(c, m, on_steady_clock(clock, limit));
}

int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* limit) {
  if (!waits_in_lot(*c) || !is_valid(*limit)) return real_cond_clockwait(c, m, clock, limit);
  return wait_for_signal(c, m, on_steady_clock(clock, limit));
}

int pthread_cond_signal(pthread_cond_t* c) noexcept {
  const int result = real_cond_signal(c);
  if (somebody_waits(c)) wake_waiters(c, 1);
  return result;
}

int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
  const int result = real_cond_broadcast(c);
  if (somebody_waits(c)) wake_waiters(c, INT_MAX);
  return result;
}

int sem_wait(sem_t* s) {
  return this_program_thread() != nullptr && !is_shared(*s) ? wait_for_post(s, no_limit) : real_sem_wait(s);
}

int sem_timedwait(sem_t* s, const timespec* limit) {
  if (this_program_thread() == nullptr || is_shared(*s) || !is_valid(*limit)) return real_sem_timedwait(s, limit);
  return wait_for_post(s, on_steady_clock(CLOCK_REALTIME, limit));
}

int sem_clockwait(sem_t* s, clockid_t clock, const timespec* limit) {
  if (this_program_thread() == nullptr || is_shared(*s) || !is_valid(*limit))
    return real_sem_clockwait(s, clock, limit);
  return wait_for_post(s, on_steady_clock(clock, limit));
}

int sem_post(sem_t* s) noexcept {
  const int result = real_sem_post(s);
  if (result == 0 && somebody_waits(s)) wake_waiters(s, 1);
  return result;
}

int pthread_barrier_init(pthread_barrier_t* b, const pthread_barrierattr_t* attributes, unsigned count) noexcept {
  return make_barrier(*b, attributes, count, real_barrier_init);
}

int pthread_barrier_wait(pthread_barrier_t* b) noexcept {
  barrier* const ours = barrier::find(*b);
  if (ours == nullptr) return real_barrier_wait(b);
  return ours->arrive(barrier_lot()) ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

int pthread_barrier_destroy(pthread_barrier_t* b) noexcept {
  barrier* const ours = barrier::find(*b);
  return ours != nullptr ? ours->end(barrier_lot()) : real_barrier_destroy(b);
}

}  // extern "C"
#pragma GCC visibility pop
