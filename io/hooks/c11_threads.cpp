// The C standard's threads. The C library implements their locks by its POSIX ones, in the same objects, and calls those inside, where no hook sees it; here
// they go by the functions that have hooks.
#include <pthread.h>
#include <threads.h>
#include <time.h>

#include <cerrno>

namespace {

int as_c11(int error) noexcept {
  switch (error) {
    case 0:
      return thrd_success;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    case EBUSY:
      return thrd_busy;
    default:
      return thrd_error;
  }
}

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(once_flag) == sizeof(pthread_once_t));
pthread_mutex_t* posix(mtx_t* m) noexcept { return reinterpret_cast<pthread_mutex_t*>(m); }
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t));
pthread_cond_t* posix(cnd_t* c) noexcept { return reinterpret_cast<pthread_cond_t*>(c); }

}  // namespace

// Also where all else of a library is hidden.
#pragma GCC visibility push(default)
extern "C" {

int mtx_lock(mtx_t* m) { return as_c11(::pthread_mutex_lock(posix(m))); }
int mtx_trylock(mtx_t* m) { return as_c11(::pthread_mutex_trylock(posix(m))); }
int mtx_timedlock(mtx_t* m, const timespec* when) { return as_c11(::pthread_mutex_timedlock(posix(m), when)); }
int mtx_unlock(mtx_t* m) { return as_c11(::pthread_mutex_unlock(posix(m))); }

int cnd_wait(cnd_t* c, mtx_t* m) { return as_c11(::pthread_cond_wait(posix(c), posix(m))); }
int cnd_timedwait(cnd_t* c, mtx_t* m, const timespec* when) {
  return as_c11(::pthread_cond_timedwait(posix(c), posix(m), when));
}
int cnd_signal(cnd_t* c) { return as_c11(::pthread_cond_signal(posix(c))); }
int cnd_broadcast(cnd_t* c) { return as_c11(::pthread_cond_broadcast(posix(c))); }

void call_once(once_flag* flag, void (*function)()) {
  ::pthread_once(reinterpret_cast<pthread_once_t*>(flag), function);
}

// As the standard has it: 0, -1 for a signal, or another negative number.
int thrd_sleep(const timespec* duration, timespec* left) {
  const int error = ::clock_nanosleep(CLOCK_REALTIME, 0, duration, left);
  return error == 0 ? 0 : error == EINTR ? -1 : -2;
}

}  // extern "C"
#pragma GCC visibility pop
