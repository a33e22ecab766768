// Mutexes, read-write locks and pthread_once(): the C library's own attempts and releases on its own objects, waits in the lot.
//
// So an object may be made by an initialiser, its owner and its checks (recursive, error-checking, robust) are the C library's, and threads that are no
// fibers use the same one with the real functions. Objects that several processes share are left to the real functions altogether: who waits for one blocks
// its worker.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>

#include <weft/io/exec/host.hpp>
#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/real.hpp>
#include <weft/io/exec/waiting.hpp>

namespace weft::exec {

namespace {

constexpr real_function<decltype(::pthread_mutex_lock), "pthread_mutex_lock"> real_mutex_lock;
constexpr real_function<decltype(::pthread_mutex_trylock), "pthread_mutex_trylock"> real_mutex_trylock;
constexpr real_function<decltype(::pthread_mutex_timedlock), "pthread_mutex_timedlock"> real_mutex_timedlock;
constexpr real_function<decltype(::pthread_mutex_clocklock), "pthread_mutex_clocklock"> real_mutex_clocklock;
constexpr real_function<decltype(::pthread_mutex_unlock), "pthread_mutex_unlock"> real_mutex_unlock;
constexpr real_function<decltype(::pthread_rwlock_rdlock), "pthread_rwlock_rdlock"> real_rdlock;
constexpr real_function<decltype(::pthread_rwlock_wrlock), "pthread_rwlock_wrlock"> real_wrlock;
constexpr real_function<decltype(::pthread_rwlock_tryrdlock), "pthread_rwlock_tryrdlock"> real_tryrdlock;
constexpr real_function<decltype(::pthread_rwlock_trywrlock), "pthread_rwlock_trywrlock"> real_trywrlock;
constexpr real_function<decltype(::pthread_rwlock_timedrdlock), "pthread_rwlock_timedrdlock"> real_timedrdlock;
constexpr real_function<decltype(::pthread_rwlock_timedwrlock), "pthread_rwlock_timedwrlock"> real_timedwrlock;
constexpr real_function<decltype(::pthread_rwlock_clockrdlock), "pthread_rwlock_clockrdlock"> real_clockrdlock;
constexpr real_function<decltype(::pthread_rwlock_clockwrlock), "pthread_rwlock_clockwrlock"> real_clockwrlock;
constexpr real_function<decltype(::pthread_rwlock_unlock), "pthread_rwlock_unlock"> real_rwlock_unlock;
constexpr real_function<decltype(::pthread_once), "pthread_once"> real_once;

// Of pthread_mutex_t's kind. A robust one is marked as shared, whether it is or not.
constexpr int type_bits = 3;
constexpr int robust = 16;
constexpr int priority_inheriting = 32;
constexpr int priority_protecting = 64;
constexpr int process_shared = 128;

// The main thread waits for a priority-inheriting or robust mutex as fibers do: the kernel would look for an owner that it does not know.
bool waits_in_lot(const pthread_mutex_t& m) noexcept {
  const int kind = m.__data.__kind;
  if ((kind & priority_protecting) != 0 || (kind & (process_shared | robust)) == process_shared) return false;
  if (this_program_thread() != nullptr) return true;
  return (kind & (priority_inheriting | robust)) != 0 && is_main_thread && runtime_runs();
}

// Another process may release a robust one, and wakes nobody here.
time_point next_look(const pthread_mutex_t& m, time_point limit) noexcept {
  constexpr std::chrono::milliseconds between_looks(10);
  if ((m.__data.__kind & robust) == 0) return limit;
  return std::min(limit, parker::from_now(between_looks));
}

// attempt() is an error number; EBUSY: to be tried again.
template <class Attempt>
int acquire(const void* object, time_point limit, Attempt attempt) noexcept {
  for (;;) {
    int result = attempt();
    if (result != EBUSY) return result;
    lot_waiter waiter(object);
    result = attempt();
    if (result != EBUSY) {
      if (waiter.withdraw()) wake_waiters(object, 1);  // what was meant for a waiter
      return result;
    }
    if (waiter.sleep(limit, false) == lot_waiter::end::timed_out) return ETIMEDOUT;
  }
}

bool is_held_by_caller(const pthread_mutex_t& m) noexcept {
  return m.__data.__owner == field<int>(thread_pointer(), glibc::instance().at->tid);
}

int lock_in_lot(pthread_mutex_t* m, time_point limit) noexcept {
  const bool checks = (m->__data.__kind & type_bits) == PTHREAD_MUTEX_ERRORCHECK;
  const auto attempt = [m, checks] {
    const int result = real_mutex_trylock(m);
    return result == EBUSY && checks && is_held_by_caller(*m) ? EDEADLK : result;
  };
  for (;;) {
    const time_point look = next_look(*m, limit);
    const int result = acquire(m, look, attempt);
    if (result != ETIMEDOUT || look == limit) return result;
  }
}

bool waits_in_lot(const pthread_rwlock_t& l) noexcept {
  return this_program_thread() != nullptr && l.__data.__shared == 0;
}

// As the C library does, of which the attempt does not say so.
int deadlock_or(int result, const pthread_rwlock_t& l) noexcept {
  const int self = field<int>(thread_pointer(), glibc::instance().at->tid);
  return result == EBUSY && l.__data.__cur_writer == self ? EDEADLK : result;
}

// More readers than can be counted is no reason to wait, and EAGAIN.
int read_lock_in_lot(pthread_rwlock_t* l, time_point limit) noexcept {
  return acquire(l, limit, [l] { return deadlock_or(real_tryrdlock(l), *l); });
}
int write_lock_in_lot(pthread_rwlock_t* l, time_point limit) noexcept {
  return acquire(l, limit, [l] { return deadlock_or(real_trywrlock(l), *l); });
}

// ---- once: as the C library sees it, 2 is done. While it runs it is 1 in a forked child, too; as there, such a child is stuck.
constexpr int not_begun = 0;
constexpr int running = 1;
constexpr int done = 2;

class once_run {
 public:
  explicit once_run(std::atomic<int>& state) noexcept : state_(state) {}
  ~once_run() {
    state_.store(done_ ? done : not_begun, std::memory_order_seq_cst);
    if (somebody_waits(&state_)) wake_waiters(&state_, INT_MAX);
  }
  once_run(const once_run&) = delete;
  once_run& operator=(const once_run&) = delete;
  void succeed() noexcept { done_ = true; }

 private:
  std::atomic<int>& state_;
  bool done_ = false;
};

int run_once(std::atomic<int>& state, void (*function)()) {
  for (;;) {
    int seen = state.load(std::memory_order_acquire);
    if (seen == done) return 0;
    if (seen == not_begun) {
      if (!state.compare_exchange_strong(seen, running, std::memory_order_acq_rel)) continue;
      once_run run(state);
      function();
      run.succeed();
      return 0;
    }
    lot_waiter waiter(&state);
    if (state.load(std::memory_order_seq_cst) != running) continue;
    static_cast<void>(waiter.sleep(no_limit, false));
  }
}

}  // namespace

}  // namespace weft::exec

using namespace weft::exec;

#pragma GCC visibility push(default)
extern "C" {

int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
  if (!waits_in_lot(*m)) return real_mutex_lock(m);
  return lock_in_lot(m, no_limit);
}

int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* limit) noexcept {
  if (!waits_in_lot(*m) || !is_valid(*limit)) return real_mutex_timedlock(m, limit);
  return lock_in_lot(m, on_steady_clock(CLOCK_REALTIME, limit));
}

int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock, const timespec* limit) noexcept {
  if (!waits_in_lot(*m) || !is_valid(*limit)) return real_mutex_clocklock(m, clock, limit);
  return lock_in_lot(m, on_steady_clock(clock, limit));
}

// The object may be gone as soon as it is free: only its address is used then.
int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
  const int result = real_mutex_unlock(m);
  if (result == 0 && somebody_waits(m)) [[unlikely]]
    wake_waiters(m, 1);
  return result;
}

int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
  return waits_in_lot(*l) ? read_lock_in_lot(l, no_limit) : real_rdlock(l);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
  return waits_in_lot(*l) ? write_lock_in_lot(l, no_limit) : real_wrlock(l);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* limit) noexcept {
  if (!waits_in_lot(*l) || !is_valid(*limit)) return real_timedrdlock(l, limit);
  return read_lock_in_lot(l, on_steady_clock(CLOCK_REALTIME, limit));
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* limit) noexcept {
  if (!waits_in_lot(*l) || !is_valid(*limit)) return real_timedwrlock(l, limit);
  return write_lock_in_lot(l, on_steady_clock(CLOCK_REALTIME, limit));
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock, const timespec* limit) noexcept {
  if (!waits_in_lot(*l) || !is_valid(*limit)) return real_clockrdlock(l, clock, limit);
  return read_lock_in_lot(l, on_steady_clock(clock, limit));
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock, const timespec* limit) noexcept {
  if (!waits_in_lot(*l) || !is_valid(*limit)) return real_clockwrlock(l, clock, limit);
  return write_lock_in_lot(l, on_steady_clock(clock, limit));
}

// All look again who waits: readers together, or one writer.
int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
  const int result = real_rwlock_unlock(l);
  if (result == 0 && somebody_waits(l)) [[unlikely]]
    wake_waiters(l, INT_MAX);
  return result;
}

int pthread_once(pthread_once_t* once, void (*function)()) {
  if (this_program_thread() == nullptr && !is_main_thread) return real_once(once, function);
  return run_once(*reinterpret_cast<std::atomic<int>*>(once), function);
}

}  // extern "C"
#pragma GCC visibility pop
