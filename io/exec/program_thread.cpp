#include <weft/io/exec/program_thread.hpp>

#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

namespace weft::exec {

namespace {

constexpr int first_tid = 0x10000000;  // the kernel's end at 0x400000
constexpr std::size_t blocks_a_mapping = 64;
constexpr std::size_t page = 4096;

std::atomic<int> next_tid{first_tid};
spin_lock pool_lock;
program_thread* pool = nullptr;
program_thread* newest = nullptr;
char* unused = nullptr;  // the rest of the newest mapping
char* unused_end = nullptr;

constexpr std::size_t round_up(std::size_t n, std::size_t to) noexcept { return (n + to - 1) / to * to; }

std::size_t alignment() noexcept { return std::max<std::size_t>(64, glibc::instance().static_tls_alignment); }

// Thread-locals, thread control block, then what is ours: blocks lie close to each other, so that a thread's costs little more than its size.
std::size_t control_block_at() noexcept {
  const glibc& libc = glibc::instance();
  return round_up(libc.static_tls_size - libc.at->size, alignment());
}
std::size_t record_at() noexcept {
  return round_up(control_block_at() + glibc::instance().at->size, alignof(program_thread));
}
std::size_t block_size() noexcept { return round_up(record_at() + sizeof(program_thread), alignment()); }

char* raw_block() noexcept {
  const std::size_t size = block_size();
  const std::lock_guard guard(pool_lock);
  if (unused == nullptr || static_cast<std::size_t>(unused_end - unused) < size) {
    const std::size_t bytes = round_up(blocks_a_mapping * size, page);
    void* mapping = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) return nullptr;
    unused = static_cast<char*>(mapping);
    unused_end = unused + bytes;
  }
  return std::exchange(unused, unused + size);
}

// dlopen(), dlclose(), fork() and setuid() walk this list, and the child of a fork() takes itself out of it.
void link_into_loader(char* block) noexcept {
  const glibc& libc = glibc::instance();
  auto& lock = field<std::atomic<int>>(libc.loader_state, libc.at->stack_cache_lock);
  int free = 0;
  while (!lock.compare_exchange_weak(free, 1, std::memory_order_acquire)) {
    free = 0;
    ::sched_yield();
  }
  struct link {
    link* next;
    link* previous;
  };
  auto* head = reinterpret_cast<link*>(libc.loader_state + libc.user_stacks);
  auto* own = reinterpret_cast<link*>(block + libc.at->list);
  own->next = head->next;
  own->previous = head;
  head->next->previous = own;
  head->next = own;
  if (lock.exchange(0, std::memory_order_release) == 2)
    ::syscall(SYS_futex, &lock, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

program_thread* fresh_thread() noexcept {
  const glibc& libc = glibc::instance();
  const glibc_layout& at = *libc.at;
  char* raw = raw_block();
  if (raw == nullptr) return nullptr;
  char* block = raw + control_block_at();
  if (libc.allocate_tls(block) == nullptr) return nullptr;
  char* maker = thread_pointer();
  field<char*>(block, at.tcb) = block;
  field<char*>(block, at.self) = block;
  field<int>(block, at.multiple_threads) = 1;
  field<std::uint64_t>(block, at.stack_guard) = field<std::uint64_t>(maker, at.stack_guard);
  field<std::uint64_t>(block, at.pointer_guard) = field<std::uint64_t>(maker, at.pointer_guard);
  field<int>(block, at.feature_1) = field<int>(maker, at.feature_1);
  field<char*>(block, at.specifics) = block + at.first_specifics;
  field<char>(block, at.user_stack) = 1;
  field<char*>(block, at.robust_previous) = block + at.robust_head;
  field<char*>(block, at.robust_head) = block + at.robust_head;
  constexpr long lock_before_link = -32;  // a mutex's lock word, seen from its place in the list
  field<long>(block, at.robust_head + sizeof(char*)) = lock_before_link;
  constexpr int not_registered = -2;
  field<int>(block, at.rseq + sizeof(int)) =
      not_registered;  // the kernel's word is with the worker: then the library asks the kernel
  link_into_loader(block);
  auto* t = ::new (raw + record_at()) program_thread;
  t->block = block;
  const std::lock_guard guard(pool_lock);
  t->older = std::exchange(newest, t);
  return t;
}

// All modules' thread-locals as they were at the beginning, but for the C library's own: there the allocator keeps what it has cached for the
// thread, which the next one goes on with.
void renew(program_thread& t) noexcept {
  const glibc& libc = glibc::instance();
  const glibc_layout& at = *libc.at;
  char* block = t.block;
  struct vector_entry {
    void* value;
    void* to_free;
  };
  auto* dtv = field<vector_entry*>(block, at.dtv);
  const std::size_t modules = *reinterpret_cast<std::size_t*>(&dtv[-1]);
  for (std::size_t i = 1; i <= modules; ++i) std::free(dtv[i].to_free);
  std::memset(static_cast<void*>(dtv), 0, (modules + 1) * sizeof(vector_entry));
  std::array<char, 1024> kept;
  const std::size_t keep = libc.own_tls_size <= kept.size() ? libc.own_tls_size : 0;
  std::memcpy(kept.data(), block + libc.own_tls, keep);
  libc.initialise_tls(block, true);
  std::memcpy(block + libc.own_tls, kept.data(), keep);
  field<int>(block, at.cancel_handling) = 0;
  field<void*>(block, at.cleanup) = nullptr;
  field<void*>(block, at.cleanup_jump) = nullptr;
  field<void*>(block, at.result) = nullptr;
  program_thread* older = t.older;
  t.~program_thread();
  ::new (&t) program_thread;
  t.block = block;
  t.older = older;
}

std::ptrdiff_t offset_of_current() noexcept { return reinterpret_cast<char*>(&current_thread) - thread_pointer(); }

}  // namespace

[[gnu::noinline]] void detail::cross_to_runtime(program_thread& self, void (*f)(void*) noexcept,
                                                void* argument) noexcept {
  to_runtime_side(self);
  f(argument);
  to_program_side(self);
}

program_thread* take_thread() noexcept {
  program_thread* t = nullptr;
  {
    const std::lock_guard guard(pool_lock);
    if (pool != nullptr) t = std::exchange(pool, pool->next);
  }
  if (t != nullptr) {
    renew(*t);
  } else {
    t = fresh_thread();
    if (t == nullptr) return nullptr;
  }
  const glibc& libc = glibc::instance();
  t->tid = next_tid.fetch_add(1, std::memory_order_relaxed);
  field<int>(t->block, libc.at->tid) = t->tid;
  if (libc.resolver_pointer != 0)
    field<char*>(t->block, static_cast<std::size_t>(libc.resolver_pointer)) = t->block + libc.at->resolver_state;
  field<program_thread*>(t->block, static_cast<std::size_t>(offset_of_current())) = t;
  return t;
}

void recycle(program_thread& t) noexcept {
  const std::lock_guard guard(pool_lock);
  t.next = pool;
  pool = &t;
}

program_thread* program_thread_of(pthread_t id) noexcept {
  if (id == 0) return nullptr;
  char* block = reinterpret_cast<char*>(id);
  program_thread* t = field<program_thread*>(block, static_cast<std::size_t>(offset_of_current()));
  return t != nullptr && t->block == block && !t->orphaned ? t : nullptr;
}

program_thread* program_thread_numbered(int tid) noexcept {
  if (tid < first_tid) return nullptr;
  const std::lock_guard guard(pool_lock);
  for (program_thread* t = newest; t != nullptr; t = t->older) {
    if (t->tid == tid) return t;
  }
  return nullptr;
}

bool must_cancel(const program_thread& t) noexcept {
  const int state =
      field<std::atomic<int>>(t.block, glibc::instance().at->cancel_handling).load(std::memory_order_seq_cst);
  return (state & cancel_disabled) == 0 && (state & cancel_requested) != 0 && (state & thread_exiting) == 0;
}

}  // namespace weft::exec
