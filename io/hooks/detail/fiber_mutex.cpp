#include <weft/io/hooks/detail/fiber_mutex.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
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

// Threads in a real wait for a condition: how many.
constinit std::atomic<unsigned> unseen_releases{0};

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
  return static_cast<int>(-inside([&] { return wait_and_take(limit); }));
}

// Parks until it has the mutex. A wake-up that is certain to come has no limit: a fiber's release sees whoever is in the lot, and so does the
// unseen_release of a thread that begins after we are; one that stands already is seen here.
std::int64_t fiber_mutex::wait_and_take(time_point limit) noexcept {
  using namespace std::chrono_literals;
  constexpr auto longest_pause = 16ms;
  for (auto pause = 1ms;; pause = std::min(2 * pause, longest_pause)) {
    bool taken = false;
    time_point until = limit;
    const wake why = parking_lot::wait(key_, mutex_wait, parking_lot::cancellation::ignored, until, [&] {
      taken = take();
      if (!taken && may_be_released_unseen()) until = std::min(limit, time_point::clock::now() + pause);
      return !taken;
    });
    if (taken) return 0;
    if (why == wake::timed_out && until == limit) return -ETIMEDOUT;
  }
}

bool fiber_mutex::may_be_released_unseen() const noexcept {
  return unseen_releases.load(std::memory_order_seq_cst) != 0 &&
         !is_fiber(std::atomic_ref(mutex_.__owner).load(std::memory_order_relaxed));
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

unseen_release::unseen_release(const pthread_mutex_t* held) noexcept {
  unseen_releases.fetch_add(1, std::memory_order_seq_cst);
  if (parking_lot::may_have_waiters(held)) parking_lot::wake_all(held);
}

unseen_release::~unseen_release() { unseen_releases.fetch_sub(1, std::memory_order_relaxed); }

}  // namespace weft::io::hooks
