#include <weft/io/hooks/detail/fiber_mutex.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <weft/io/hooks/detail/parking_lot.hpp>
#include <weft/io/hooks/detail/wait.hpp>
#include <weft/scheduler/foreign_frame.hpp>

#if defined(__SANITIZE_THREAD__)
#define WEFT_SEES_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_SEES_THREADS 1
#endif
#endif
#ifdef WEFT_SEES_THREADS
#include <sanitizer/tsan_interface.h>
#endif

namespace weft::io::hooks {

namespace {

// glibc's protocol of __lock, which its static initialisers and its ABI keep as it is.
constexpr int is_free = 0;
constexpr int is_taken = 1;
constexpr int has_sleepers = 2;  // threads, in a futex

constexpr int elision_bits = 0x300;

constexpr wait_kind mutex_wait{"a pthread mutex"};

// What is no thread's number: those have 22 bits.
int caller_as_owner() noexcept { return static_cast<int>(0x4000'0000U | (fiber_number() & 0x3FFF'FFFFU)); }
bool is_fiber(int owner) noexcept { return (owner & 0x4000'0000) != 0; }

void wake_sleeper(int& word) noexcept { ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0); }

// The sanitizer knows of the threads' side through its own pthread_mutex_*, and of ours through this.
void tell_taken([[maybe_unused]] const void* key) noexcept {
#ifdef WEFT_SEES_THREADS
  __tsan_acquire(const_cast<void*>(key));
#endif
}
void tell_freed([[maybe_unused]] const void* key) noexcept {
#ifdef WEFT_SEES_THREADS
  __tsan_release(const_cast<void*>(key));
#endif
}

}  // namespace

bool fiber_mutex::is_ours() const noexcept {
  const int kind = mutex_.__kind & ~elision_bits;
  return kind == PTHREAD_MUTEX_NORMAL || kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK ||
         kind == PTHREAD_MUTEX_ADAPTIVE_NP;
}

bool fiber_mutex::is_owned_by_caller() const noexcept {
  return std::atomic_ref(mutex_.__owner).load(std::memory_order_relaxed) == caller_as_owner();
}

bool fiber_mutex::take() noexcept {
  int expected = is_free;
  const std::atomic_ref word(mutex_.__lock);
  if (!word.compare_exchange_strong(expected, is_taken, std::memory_order_seq_cst)) return false;
  std::atomic_ref(mutex_.__owner).store(caller_as_owner(), std::memory_order_relaxed);
  mutex_.__count = 1;
  ++mutex_.__nusers;
  tell_taken(key_);
  return true;
}

// By its owner: a normal mutex then waits for ever, as it says in the manual.
int fiber_mutex::lock_again() noexcept {
  const int kind = mutex_.__kind & ~elision_bits;
  if (kind == PTHREAD_MUTEX_ERRORCHECK) return EDEADLK;
  if (mutex_.__count == UINT_MAX) return EAGAIN;
  ++mutex_.__count;
  return 0;
}

int fiber_mutex::try_lock() noexcept {
  if (take()) return 0;
  const bool recursive = (mutex_.__kind & ~elision_bits) == PTHREAD_MUTEX_RECURSIVE;
  return recursive && is_owned_by_caller() ? lock_again() : EBUSY;
}

int fiber_mutex::lock(time_point limit) noexcept {
  if (take()) [[likely]]
    return 0;
  const int kind = mutex_.__kind & ~elision_bits;
  if ((kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK) && is_owned_by_caller())
    return lock_again();
  bool taken = false;
  const std::int64_t result = inside([&]() -> std::int64_t {
    while (!taken) {
      const wake why = parking_lot::wait(key_, mutex_wait, parking_lot::cancellation::ignored, limit,
                                         [&] { return !(taken = take()); });
      if (why == wake::timed_out) return -ETIMEDOUT;
    }
    return 0;
  });
  return static_cast<int>(-result);
}

// The word is the last that is touched: as soon as it is free another may lock, unlock and destroy the mutex. Its address still names those who wait.
void fiber_mutex::release() noexcept {
  mutex_.__count = 0;
  --mutex_.__nusers;
  std::atomic_ref(mutex_.__owner).store(0, std::memory_order_relaxed);
  tell_freed(key_);
  if (std::atomic_ref(mutex_.__lock).exchange(is_free, std::memory_order_seq_cst) == has_sleepers) {
    wake_sleeper(mutex_.__lock);
  }
  if (parking_lot::may_have_waiters(key_)) parking_lot::wake_one(key_);
}

bool fiber_mutex::unlock(int& error) noexcept {
  const int owner = std::atomic_ref(mutex_.__owner).load(std::memory_order_relaxed);
  if (!is_fiber(owner)) return false;
  const int kind = mutex_.__kind & ~elision_bits;
  const bool checks = kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK;
  error = checks && owner != caller_as_owner() ? EPERM : 0;
  if (error != 0) return true;
  if (kind == PTHREAD_MUTEX_RECURSIVE && --mutex_.__count > 0) return true;
  release();
  return true;
}

}  // namespace weft::io::hooks
