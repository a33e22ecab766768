#include <weft/io/exec/thread_end.hpp>

#include <linux/futex.h>
#include <pthread.h>

#include <locale.h>
#include <array>
#include <atomic>
#include <climits>
#include <clocale>
#include <mutex>

#include <weft/io/exec/glibc.hpp>
#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>

namespace weft::exec {

namespace {

std::array<std::atomic<void (*)(void*)>, PTHREAD_KEYS_MAX> destructors;

// One round; true if a destructor was called, which may have set values again.
bool destroy_values() {
  bool any = false;
  for (unsigned key = 0; key < destructors.size(); ++key) {
    const auto destructor = destructors[key].load(std::memory_order_acquire);
    if (destructor == nullptr) continue;
    void* value = ::pthread_getspecific(key);
    if (value == nullptr) continue;
    ::pthread_setspecific(key, nullptr);
    destructor(value);
    any = true;
  }
  return any;
}

// As the kernel does at the end of a thread, of which it knows another list.
void release_robust_mutexes(const program_thread& t) noexcept {
  const glibc_layout& at = *glibc::instance().at;
  char* const head = t.block + at.robust_head;
  const long lock_from_link = field<long>(t.block, at.robust_head + sizeof(char*));
  constexpr int most = 1 << 20;  // a list that was damaged may have no end
  constexpr std::uintptr_t priority_inheriting = 1;
  char* link = field<char*>(t.block, at.robust_head);
  for (int i = 0; link != head && link != nullptr && i < most; ++i) {
    char* entry = reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(link) & ~priority_inheriting);
    link = *reinterpret_cast<char**>(entry);
    auto& word = *reinterpret_cast<std::atomic<int>*>(entry + lock_from_link);
    int seen = word.load(std::memory_order_relaxed);
    while ((seen & FUTEX_TID_MASK) == (t.tid & FUTEX_TID_MASK) &&
           !word.compare_exchange_weak(seen,
                                       static_cast<int>(FUTEX_OWNER_DIED) | (seen & static_cast<int>(FUTEX_WAITERS)))) {
    }
    const char* mutex = reinterpret_cast<const char*>(&word) - offsetof(pthread_mutex_t, __data.__lock);
    if (somebody_waits(mutex)) wake_waiters(mutex, 1);
  }
}

}  // namespace

void note_key(unsigned key, void (*destructor)(void*)) noexcept {
  if (key < destructors.size()) destructors[key].store(destructor, std::memory_order_release);
}

void end_on_program_side(program_thread& t) {
  const glibc& libc = glibc::instance();
  libc.run_tls_destructors();
  for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS && destroy_values(); ++round) {
  }
  ::uselocale(LC_GLOBAL_LOCALE);
  t.result = field<void*>(t.block, libc.at->result);
}

// Whoever joins it takes its memory, as soon as it is told.
void end_on_runtime_side(program_thread& t) noexcept {
  release_robust_mutexes(t);
  t.lock.lock();
  const bool detached = t.detached;
  t.finished.store(true, std::memory_order_seq_cst);
  t.lock.unlock();
  if (detached) return recycle(t);
  if (somebody_waits(&t)) wake_waiters(&t, INT_MAX);
}

}  // namespace weft::exec
