// Synchronisation of POSIX threads. On a fiber: try, and if that fails park in the parking lot under the object's address. On a thread: the real call, and
// where it lets somebody go, a look whether fibers wait.
//
// Objects shared between processes, robust and priority mutexes are left to the real calls, which block the thread; so is whatever glibc's own code
// locks inside. What the real try-functions do is relied on, and of the objects' layout the members that glibc's ABI fixes: the mutex's lock word,
// owner, count and kind, the rwlock's writer, the semaphore's mark of being shared.
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstring>
#include <mutex>

#include <weft/io/hooks/detail/barrier.hpp>
#include <weft/io/hooks/detail/fiber_mutex.hpp>
#include <weft/io/hooks/detail/openssl_errors.hpp>
#include <weft/io/hooks/detail/parking_lot.hpp>
#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/real_threads.hpp>
#include <weft/io/hooks/detail/wait.hpp>
#include <weft/scheduler/foreign_frame.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::pthread_mutex_lock), "pthread_mutex_lock"> real_mutex_lock;
constexpr real_function<decltype(::pthread_mutex_trylock), "pthread_mutex_trylock"> real_mutex_trylock;
constexpr real_function<decltype(::pthread_mutex_timedlock), "pthread_mutex_timedlock"> real_mutex_timedlock;
constexpr real_function<decltype(::pthread_mutex_clocklock), "pthread_mutex_clocklock"> real_mutex_clocklock;
constexpr real_function<decltype(::pthread_mutex_unlock), "pthread_mutex_unlock"> real_mutex_unlock;
constexpr real_function<decltype(::pthread_rwlock_rdlock), "pthread_rwlock_rdlock"> real_rwlock_rdlock;
constexpr real_function<decltype(::pthread_rwlock_wrlock), "pthread_rwlock_wrlock"> real_rwlock_wrlock;
constexpr real_function<decltype(::pthread_rwlock_tryrdlock), "pthread_rwlock_tryrdlock"> real_rwlock_tryrdlock;
constexpr real_function<decltype(::pthread_rwlock_trywrlock), "pthread_rwlock_trywrlock"> real_rwlock_trywrlock;
constexpr real_function<decltype(::pthread_rwlock_timedrdlock), "pthread_rwlock_timedrdlock"> real_rwlock_timedrdlock;
constexpr real_function<decltype(::pthread_rwlock_timedwrlock), "pthread_rwlock_timedwrlock"> real_rwlock_timedwrlock;
constexpr real_function<decltype(::pthread_rwlock_clockrdlock), "pthread_rwlock_clockrdlock"> real_rwlock_clockrdlock;
constexpr real_function<decltype(::pthread_rwlock_clockwrlock), "pthread_rwlock_clockwrlock"> real_rwlock_clockwrlock;
constexpr real_function<decltype(::pthread_rwlock_unlock), "pthread_rwlock_unlock"> real_rwlock_unlock;
constexpr real_function<decltype(::pthread_join), "pthread_join"> real_join;
constexpr real_function<decltype(::thrd_join), "thrd_join"> real_thrd_join;
constexpr real_function<decltype(::pthread_once), "pthread_once"> real_once;

constexpr wait_kind condition_wait{"a pthread condition variable"};
constexpr wait_kind rwlock_wait{"a pthread rwlock"};
constexpr wait_kind semaphore_wait{"a POSIX semaphore"};
constexpr wait_kind barrier_wait{"a pthread barrier"};
constexpr wait_kind once_wait{"a pthread_once() that another has begun"};

constexpr time_point for_ever = time_point::max();

// ---- mutexes

bool is_for_fiber(pthread_mutex_t* m) noexcept { return may_wait() && fiber_mutex(*m).is_ours(); }

// Of one that other processes use the signals would not be heard.
bool is_for_fiber(const pthread_cond_t* c, pthread_mutex_t* m) noexcept {
  constexpr unsigned shared = 1;
  return (c->__data.__wrefs & shared) == 0 && is_for_fiber(m);
}

int lock_mutex_until(pthread_mutex_t* m, clockid_t clock, const timespec* when) noexcept {
  fiber_mutex mutex(*m);
  if (const int now = mutex.try_lock(); now != EBUSY) return now;
  return has_valid_nanoseconds(*when) ? mutex.lock(limit_at(clock, *when)) : EINVAL;
}

void wake_waiter(const void* key) noexcept {
  if (parking_lot::may_have_waiters(key)) [[unlikely]]
    parking_lot::wake_one(key);
}

// ---- condition variables

// A cancelled fiber wakes for no reason, which POSIX allows, and after a pause: its code may look for itself why.
int wait_for_condition(pthread_cond_t* c, pthread_mutex_t* m, time_point limit) noexcept {
  fiber_mutex mutex(*m);
  const unsigned depth = m->__data.__count;  // one, but for a recursive mutex
  const std::int64_t result = inside([&]() -> std::int64_t {
    bool released = false;
    try {
      const wake why = parking_lot::wait_after(c, condition_wait, parking_lot::cancellation::observed, limit, [&] {
        mutex.release();
        released = true;
      });
      if (why == wake::cancelled) give_way_unheard();
      return why == wake::timed_out ? -ETIMEDOUT : 0;
    } catch (const cancelled&) {
      if (!released) mutex.release();
      give_way_unheard();
      return 0;
    }
  });
  mutex.lock(for_ever);
  m->__data.__count = depth;
  return static_cast<int>(-result);
}

// The clock of pthread_condattr_setclock(), as glibc's ABI keeps it.
clockid_t clock_of(const pthread_cond_t* c) noexcept {
  constexpr unsigned monotonic = 2;
  return (c->__data.__wrefs & monotonic) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

// ---- rwlocks

template <class Try>
int lock_rwlock(pthread_rwlock_t* l, time_point limit, Try attempt) noexcept {
  int error = attempt(l);
  if (error != EBUSY) return error;
  const std::int64_t result = inside([&]() -> std::int64_t {
    do {
      const wake why = parking_lot::wait(l, rwlock_wait, parking_lot::cancellation::ignored, limit,
                                         [&] { return (error = attempt(l)) == EBUSY; });
      if (error == EBUSY && why == wake::timed_out) return -ETIMEDOUT;
    } while (error == EBUSY);
    return error;
  });
  return static_cast<int>(result < 0 ? -result : result);
}

// The real one tells a writer by its thread, which a fiber may have changed since.
int unlock_rwlock(pthread_rwlock_t* l) noexcept {
  if (may_wait() && l->__data.__shared == 0 && l->__data.__cur_writer != 0) l->__data.__cur_writer = ::gettid();
  const int error = real_rwlock_unlock(l);
  if (parking_lot::may_have_waiters(l)) [[unlikely]]
    parking_lot::wake_all(l);
  return error;
}

bool is_for_fiber(const pthread_rwlock_t* l) noexcept { return l->__data.__shared == 0 && may_wait(); }

// ---- semaphores

// One that other processes use tells nobody here; its mark is the word after the value, in named ones, too.
bool is_shared(const sem_t* s) noexcept {
  int mark = 0;
  std::memcpy(&mark, reinterpret_cast<const char*>(s) + sizeof(std::uint64_t), sizeof mark);
  return mark != 0;
}

[[gnu::noinline]] bool take_semaphore(sem_t* s) noexcept {
  const int saved = errno;
  if (::sem_trywait(s) == 0) return true;
  errno = saved;
  return false;
}

int wait_for_semaphore(sem_t* s, time_point limit) noexcept {
  if (take_semaphore(s)) return 0;
  bool taken = false;
  return static_cast<int>(leave_with(inside([&]() -> std::int64_t {
    while (!taken) {
      const wake why = parking_lot::wait(s, semaphore_wait, parking_lot::cancellation::observed, limit,
                                         [&] { return !(taken = take_semaphore(s)); });
      if (!taken && why != wake::signalled) taken = take_semaphore(s);
      if (taken) break;
      if (why == wake::timed_out) return -ETIMEDOUT;
      if (why == wake::cancelled) throw_cancelled();
    }
    return 0;
  })));
}

template <class Real>
int wait_for_shared(Real real) noexcept {
  return static_cast<int>(
      leave_with(on_helper_thread([&]() -> std::int64_t { return real() == 0 ? 0 : negative_errno(); })));
}

// ---- barriers

// Who leaves before a round is complete lets others wait for ever, so this is not cut short.
class barrier_lot {
 public:
  template <class Condition>
  void wait_while(const std::atomic<std::uint32_t>& word, Condition still_waits) const noexcept {
    if (!may_wait()) return sleep_while(word, still_waits);
    while (still_waits()) {
      inside([&]() -> std::int64_t {
        parking_lot::wait(&word, barrier_wait, parking_lot::cancellation::ignored, for_ever, still_waits);
        return 0;
      });
    }
  }

  void wake_all(const std::atomic<std::uint32_t>* word) const noexcept {
    if (parking_lot::may_have_waiters(word)) parking_lot::wake_all(word);
    if (sleepers_.load(std::memory_order_seq_cst) != 0)
      ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }

 private:
  template <class Condition>
  void sleep_while(const std::atomic<std::uint32_t>& word, Condition still_waits) const noexcept {
    const int saved = errno;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    for (;;) {
      const std::uint32_t seen = word.load(std::memory_order_seq_cst);
      if (!still_waits()) break;
      ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
    }
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
    errno = saved;
  }

  static inline constinit std::atomic<unsigned> sleepers_{0};  // threads, at whichever barrier
};

// ---- pthread_once

// What std::call_once() of libstdc++ leaves in thread-locals for the function that it hands to pthread_once(); other fibers of the thread do the
// same while this one waits.
class handed_over {
 public:
  [[gnu::noinline]] handed_over() noexcept : callable_(std::__once_callable), call_(std::__once_call) {}
  [[gnu::noinline]] void restore() const noexcept {
    std::__once_callable = callable_;
    std::__once_call = call_;
  }

 private:
  void* callable_;
  void (*call_)();
};

// The first fiber makes the real call; others wait for it here, as it may park in what it calls. Turns stand on the stacks of those who have one.
class once_turn {
 public:
  explicit once_turn(pthread_once_t* control) noexcept : control_(control) {
    if (begin()) return;
    const handed_over function;
    inside([this] { return wait(); });
    function.restore();
  }
  ~once_turn() {
    {
      const std::lock_guard guard(lock_);
      once_turn** link = &first_;
      while (*link != this) link = &(*link)->next_;
      *link = next_;
    }
    if (parking_lot::may_have_waiters(control_)) parking_lot::wake_all(control_);
  }
  once_turn(const once_turn&) = delete;
  once_turn& operator=(const once_turn&) = delete;

 private:
  bool begin() noexcept {
    const std::lock_guard guard(lock_);
    for (const once_turn* t = first_; t != nullptr; t = t->next_) {
      if (t->control_ == control_) return false;
    }
    next_ = first_;
    first_ = this;
    return true;
  }

  std::int64_t wait() {
    bool begun = false;
    while (!begun) {
      parking_lot::wait(control_, once_wait, parking_lot::cancellation::ignored, for_ever,
                        [&] { return !(begun = begin()); });
    }
    return 0;
  }

  static inline spin_lock lock_;
  static inline once_turn* first_ = nullptr;
  const openssl_errors::pause quiet_;  // begins before the turn does, and so before the wait for it
  const pthread_once_t* const control_;
  once_turn* next_ = nullptr;
};

// The C library's mark; the thread sanitizer keeps the control in its own way.
#if defined(__SANITIZE_THREAD__)
constexpr int done = 1;
#elif defined(__has_feature)
constexpr int done = __has_feature(thread_sanitizer) ? 1 : 2;
#else
constexpr int done = 2;
#endif

bool is_done(pthread_once_t* control) noexcept {
  return (std::atomic_ref(*control).load(std::memory_order_acquire) & done) != 0;
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
  return is_for_fiber(m) ? fiber_mutex(*m).lock(for_ever) : real_mutex_lock(m);
}

int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
  return is_for_fiber(m) ? fiber_mutex(*m).try_lock() : real_mutex_trylock(m);
}

int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* when) noexcept {
  return is_for_fiber(m) ? lock_mutex_until(m, CLOCK_REALTIME, when) : real_mutex_timedlock(m, when);
}

int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock, const timespec* when) noexcept {
  return is_for_fiber(m) ? lock_mutex_until(m, clock, when) : real_mutex_clocklock(m, clock, when);
}

int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
  if (int error = 0; is_for_fiber(m) && fiber_mutex(*m).unlock(error)) return error;
  const int error = real_mutex_unlock(m);
  wake_waiter(m);
  return error;
}

int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
  if (is_for_fiber(c, m)) return wait_for_condition(c, m, for_ever);
  const unseen_release here(m);
  return real_cond_wait(c, m);
}

int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* when) {
  if (is_for_fiber(c, m) && has_valid_nanoseconds(*when)) return wait_for_condition(c, m, limit_at(clock_of(c), *when));
  const unseen_release here(m);
  return real_cond_timedwait(c, m, when);
}

int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* when) {
  if (is_for_fiber(c, m) && has_valid_nanoseconds(*when)) return wait_for_condition(c, m, limit_at(clock, *when));
  const unseen_release here(m);
  return real_cond_clockwait(c, m, clock, when);
}

// The waiter counts before it frees the mutex, and a lock of that mutex lies between.
int pthread_cond_signal(pthread_cond_t* c) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // whoever signals without having held the mutex
  if (parking_lot::may_have_waiters(c) && parking_lot::wake_one(c)) return 0;
  return real_cond_signal(c);
}

int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (parking_lot::may_have_waiters(c)) parking_lot::wake_all(c);
  return real_cond_broadcast(c);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
  return is_for_fiber(l) ? lock_rwlock(l, for_ever, real_rwlock_tryrdlock) : real_rwlock_rdlock(l);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
  return is_for_fiber(l) ? lock_rwlock(l, for_ever, real_rwlock_trywrlock) : real_rwlock_wrlock(l);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* when) noexcept {
  if (!is_for_fiber(l) || !has_valid_nanoseconds(*when)) return real_rwlock_timedrdlock(l, when);
  return lock_rwlock(l, limit_at(CLOCK_REALTIME, *when), real_rwlock_tryrdlock);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* when) noexcept {
  if (!is_for_fiber(l) || !has_valid_nanoseconds(*when)) return real_rwlock_timedwrlock(l, when);
  return lock_rwlock(l, limit_at(CLOCK_REALTIME, *when), real_rwlock_trywrlock);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock, const timespec* when) noexcept {
  if (!is_for_fiber(l) || !has_valid_nanoseconds(*when)) return real_rwlock_clockrdlock(l, clock, when);
  return lock_rwlock(l, limit_at(clock, *when), real_rwlock_tryrdlock);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock, const timespec* when) noexcept {
  if (!is_for_fiber(l) || !has_valid_nanoseconds(*when)) return real_rwlock_clockwrlock(l, clock, when);
  return lock_rwlock(l, limit_at(clock, *when), real_rwlock_trywrlock);
}

int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept { return unlock_rwlock(l); }

int sem_wait(sem_t* s) {
  if (!may_wait()) return real_sem_wait(s);
  if (is_shared(s)) return wait_for_shared([s] { return real_sem_wait(s); });
  return wait_for_semaphore(s, for_ever);
}

int sem_timedwait(sem_t* s, const timespec* when) {
  if (!may_wait() || !has_valid_nanoseconds(*when)) return real_sem_timedwait(s, when);
  if (is_shared(s)) return wait_for_shared([=] { return real_sem_timedwait(s, when); });
  return wait_for_semaphore(s, limit_at(CLOCK_REALTIME, *when));
}

int sem_clockwait(sem_t* s, clockid_t clock, const timespec* when) {
  if (!may_wait() || !has_valid_nanoseconds(*when)) return real_sem_clockwait(s, clock, when);
  if (is_shared(s)) return wait_for_shared([=] { return real_sem_clockwait(s, clock, when); });
  return wait_for_semaphore(s, limit_at(clock, *when));
}

// In a signal handler, perhaps.
int sem_post(sem_t* s) noexcept {
  const int result = real_sem_post(s);
  if (parking_lot::may_have_waiters(s) && parking_lot::wake_one(s)) [[unlikely]]
    weft::interrupt_own_worker();
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

int pthread_join(pthread_t thread, void** value) {
  if (!may_wait()) return real_join(thread, value);
  const int now = ::pthread_tryjoin_np(thread, value);
  if (now != EBUSY) return now;
  const std::int64_t result = on_helper_thread([=]() -> std::int64_t { return real_join(thread, value); });
  return static_cast<int>(result < 0 ? -result : result);
}

int thrd_join(thrd_t thread, int* result) {
  if (!may_wait()) return real_thrd_join(thread, result);
  const std::int64_t joined = on_helper_thread([=]() -> std::int64_t { return real_thrd_join(thread, result); });
  return joined < 0 ? thrd_error : static_cast<int>(joined);
}

int pthread_once(pthread_once_t* control, void (*function)()) {
  if (is_done(control)) return 0;
  if (!may_wait()) return real_once(control, function);
  const once_turn mine(control);
  return real_once(control, function);
}

}  // extern "C"
