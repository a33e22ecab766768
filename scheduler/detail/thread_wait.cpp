#include <weft/scheduler/detail/thread_wait.hpp>

#include <mutex>

#include <weft/scheduler/detail/fork.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>

namespace weft::detail {

namespace {

struct thread_fiber final : fiber {
  thread_fiber() noexcept : fiber(nullptr) {}
  futex_word woken{0};
};

spin_lock list_lock;
fiber* unused = nullptr;  // linked by next

futex_word& woken(fiber& f) noexcept { return static_cast<thread_fiber&>(f).woken; }

}  // namespace

fiber& borrow_thread_fiber() {
  watch_forks();
  {
    const std::lock_guard guard(list_lock);
    if (fiber* f = unused; f != nullptr) {
      unused = f->next;
      return *f;
    }
  }
  return *new thread_fiber;
}

void return_thread_fiber(fiber& f) noexcept {
  const std::lock_guard guard(list_lock);
  f.next = unused;
  unused = &f;
}

// Whoever has ended the wait, and be it at the limit, wakes: that is waited for, or the wake would be the next wait's.
wake wait_on_thread(fiber& f, std::uint64_t epoch, std::chrono::steady_clock::time_point limit,
                    release_step release) noexcept {
  woken(f).store(0, std::memory_order_relaxed);
  f.wait.begin_waiting();
  release();
  while (woken(f).load(std::memory_order_acquire) == 0) {
    futex_wait(woken(f), 0, limit);
    if (limit > std::chrono::steady_clock::now()) continue;
    if (f.wait.claim(epoch, wake::timed_out)) break;
    limit = std::chrono::steady_clock::time_point::max();
  }
  return f.wait.result();
}

void wake_thread(fiber& f) noexcept {
  woken(f).store(1, std::memory_order_release);
  futex_wake_one(woken(f));
}

void lock_thread_fibers() noexcept { list_lock.lock(); }
void unlock_thread_fibers() noexcept { list_lock.unlock(); }

}  // namespace weft::detail
