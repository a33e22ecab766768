// Tells AddressSanitizer and ThreadSanitizer about every switch between fibers, whoever makes it.
//
// A sanitizer must know which stack a thread stands on. All of Boost.Fiber's switches go through three C symbols of
// Boost.Context, so the linker is told to put the functions below in between:
//
//   -Wl,--wrap=make_fcontext -Wl,--wrap=jump_fcontext -Wl,--wrap=ontop_fcontext
//
// The start of a fiber, yields, parks, waits inside Boost, and the last two switches of a dying fiber all pass here. The
// library itself carries no annotation, and builds without a sanitizer do not contain this file.
//
// Compile with -fno-sanitize=all (a switch must not be instrumented halfway) and one of WEFT_ANNOTATE_ADDRESS and
// WEFT_ANNOTATE_THREAD. No templates of the standard library: one instantiated here could be merged by the linker with an
// instrumented copy from elsewhere.

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if !defined(WEFT_ANNOTATE_ADDRESS) && !defined(WEFT_ANNOTATE_THREAD)
#error "define WEFT_ANNOTATE_ADDRESS or WEFT_ANNOTATE_THREAD"
#endif

extern "C" {

// Boost.Context's interface: what a switch hands to the other side is where it came from and a pointer.
using fcontext_t = void*;
struct transfer_t {
  fcontext_t from;
  void* data;
};
using entry_function = void (*)(transfer_t);
using ontop_function = transfer_t (*)(transfer_t);

fcontext_t __real_make_fcontext(void* stack_top, size_t size, entry_function entry);
transfer_t __real_jump_fcontext(fcontext_t to, void* data);
transfer_t __real_ontop_fcontext(fcontext_t to, void* data, ontop_function function);

fcontext_t __wrap_make_fcontext(void* stack_top, size_t size, entry_function entry);
transfer_t __wrap_jump_fcontext(fcontext_t to, void* data);
transfer_t __wrap_ontop_fcontext(fcontext_t to, void* data, ontop_function function);

#ifdef WEFT_ANNOTATE_ADDRESS
void __sanitizer_start_switch_fiber(void** fake_stack_save, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack_save, const void** bottom_old, size_t* size_old);
void __asan_unpoison_memory_region(const volatile void* address, size_t size);
#else
void* __tsan_get_current_fiber(void);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
#endif

}  // extern "C"

namespace {

// One stack: a thread's own, or a fiber's.
struct stack_record {
  fcontext_t context;  // where it continues; valid while it is switched out
  stack_record* next;  // in its bucket
  char* bottom;
  size_t size;
  void* fake_stack;      // AddressSanitizer's, while switched out
  void* tsan_fiber;      // ThreadSanitizer's
  entry_function entry;  // what Boost wants to run on it
  void* first_data;      // what its first switch brought: Boost's own record of the fiber
  bool dying;            // it has left for the last time
  bool arrived;          // its arrival was announced already, on top of it
};

// --- the sanitizers' calls ---

void announce_departure(stack_record& from, const stack_record& to) {
#ifdef WEFT_ANNOTATE_ADDRESS
  __sanitizer_start_switch_fiber(from.dying ? nullptr : &from.fake_stack, to.bottom, to.size);
#else
  static_cast<void>(from);
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
}

void announce_arrival(const stack_record& at) {
#ifdef WEFT_ANNOTATE_ADDRESS
  __sanitizer_finish_switch_fiber(at.fake_stack, nullptr, nullptr);
#else
  static_cast<void>(at);
#endif
}

void announce_birth(stack_record& fiber) {
#ifdef WEFT_ANNOTATE_THREAD
  fiber.tsan_fiber = __tsan_create_fiber(0);
#else
  static_cast<void>(fiber);
#endif
}

void announce_death(const stack_record& fiber) {
#ifdef WEFT_ANNOTATE_ADDRESS
  // Frames that never returned have left their red zones in memory that goes back to a pool.
  __asan_unpoison_memory_region(fiber.bottom, fiber.size);
#else
  __tsan_destroy_fiber(fiber.tsan_fiber);
#endif
}

// --- which stack is a context? ---

constexpr unsigned bucket_bits = 16;
stack_record* buckets[1U << bucket_bits];
int buckets_lock;

stack_record** bucket_of(fcontext_t context) {
  constexpr uint64_t golden = 0x9E3779B97F4A7C15U;
  return &buckets[(reinterpret_cast<uintptr_t>(context) >> 4) * golden >> (64 - bucket_bits)];
}

stack_record** find(fcontext_t context) {
  stack_record** at = bucket_of(context);
  while (*at && (*at)->context != context) at = &(*at)->next;
  return at;
}

void lock_buckets() {
  while (__atomic_exchange_n(&buckets_lock, 1, __ATOMIC_ACQUIRE)) __builtin_ia32_pause();
}
void unlock_buckets() { __atomic_store_n(&buckets_lock, 0, __ATOMIC_RELEASE); }

// A stack that is about to run again leaves the table.
stack_record& take(fcontext_t context) {
  lock_buckets();
  stack_record** at = find(context);
  stack_record* record = *at;
  if (record) *at = record->next;
  unlock_buckets();
  if (!record) abort();
  return *record;
}

// A stack was left at `context`. A stale record of the same context belongs to a stack whose memory was given back
// without its last switch, and goes.
void put(fcontext_t context, stack_record& record) {
  lock_buckets();
  stack_record** at = find(context);
  if (*at) *at = (*at)->next;
  record.context = context;
  stack_record** bucket = bucket_of(context);
  record.next = *bucket;
  *bucket = &record;
  unlock_buckets();
}

// --- which stack does this thread stand on? ---

thread_local stack_record* current_record;
thread_local stack_record thread_record;

// Never inlined: the thread may be another one after a switch, so its thread-locals must be looked up afresh.
[[gnu::noinline]] stack_record* get_current() {
  asm volatile("" ::: "memory");
  return current_record;
}
[[gnu::noinline]] void set_current(stack_record* record) {
  asm volatile("" ::: "memory");
  current_record = record;
}

[[gnu::noinline]] stack_record& register_thread() {
  stack_record* record = &thread_record;
  pthread_attr_t attributes;
  void* bottom = nullptr;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) abort();
  pthread_attr_getstack(&attributes, &bottom, &record->size);
  pthread_attr_destroy(&attributes);
  record->bottom = static_cast<char*>(bottom);
#ifdef WEFT_ANNOTATE_THREAD
  record->tsan_fiber = __tsan_get_current_fiber();
#endif
  set_current(record);
  return *record;
}

stack_record& this_stack() {
  stack_record* record = get_current();
  return record ? *record : register_thread();
}

// --- one switch ---

// Takes the place of the data pointer of a switch; stands on the stack that is left.
struct passage {
  stack_record* from;
  stack_record* to;
  void* data;
  ontop_function function;
};

// The last thing done on the stack that is left.
void depart(stack_record& from, stack_record& to) {
  from.arrived = false;
  set_current(&to);
  announce_departure(from, to);
}

// The first thing done on the stack that is entered; `left_at` is where the other one will continue.
void arrive(const passage& passage, fcontext_t left_at) {
  stack_record& from = *passage.from;
  announce_arrival(*passage.to);
  passage.to->arrived = true;
  if (!from.dying) {
    put(left_at, from);
    return;
  }
  announce_death(from);
  free(&from);
}

// Where the stack continues after it was switched back to.
transfer_t resume(stack_record& self, transfer_t transfer) {
  // Entered through ontop: the arrival was announced there, and the data are already what the function returned.
  if (self.arrived) return transfer;
  const passage& came = *static_cast<const passage*>(transfer.data);
  void* data = came.data;
  arrive(came, transfer.from);
  return {transfer.from, data};
}

// What every fiber starts in, in place of Boost's entry.
void enter_fiber(transfer_t transfer) {
  const passage& came = *static_cast<const passage*>(transfer.data);
  stack_record& self = *came.to;
  void* data = came.data;
  self.first_data = data;
  arrive(came, transfer.from);
  self.entry({transfer.from, data});
  abort();
}

// Runs on top of the stack that is entered, before the function that may throw there or free the stack just left.
transfer_t enter_on_top(transfer_t transfer) {
  const passage& came = *static_cast<const passage*>(transfer.data);
  ontop_function function = came.function;
  void* data = came.data;
  arrive(came, transfer.from);
  return function({transfer.from, data});
}

}  // namespace

extern "C" fcontext_t __wrap_make_fcontext(void* stack_top, size_t size, entry_function entry) {
  auto* record = static_cast<stack_record*>(calloc(1, sizeof(stack_record)));
  if (!record) abort();
  record->bottom = static_cast<char*>(stack_top) - size;
  record->size = size;
  record->entry = entry;
  announce_birth(*record);
  fcontext_t context = __real_make_fcontext(stack_top, size, &enter_fiber);
  put(context, *record);
  return context;
}

extern "C" transfer_t __wrap_jump_fcontext(fcontext_t to, void* data) {
  stack_record& self = this_stack();
  passage out{&self, &take(to), data, nullptr};
  depart(self, *out.to);
  return resume(self, __real_jump_fcontext(to, &out));
}

extern "C" transfer_t __wrap_ontop_fcontext(fcontext_t to, void* data, ontop_function function) {
  stack_record& self = this_stack();
  passage out{&self, &take(to), data, function};
  // A fiber's very last switch hands over Boost's own record of it, the pointer that its first switch brought.
  if (data && data == self.first_data) self.dying = true;
  depart(self, *out.to);
  return resume(self, __real_ontop_fcontext(to, &out, &enter_on_top));
}
