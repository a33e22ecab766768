// pthread_create() and what may be asked of a thread.
//
// On the program's main thread, on fibers, and on threads that the C library made; a pthread_t that is no fiber's goes to the real function.
#include <pthread.h>
#include <sched.h>
#include <threads.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <weft/io/exec/host.hpp>
#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/real.hpp>
#include <weft/io/exec/signals.hpp>
#include <weft/io/exec/thread_end.hpp>
#include <weft/io/exec/waiting.hpp>

namespace weft::exec {

namespace {

constexpr real_function<decltype(::pthread_create), "pthread_create"> real_pthread_create;
constexpr real_function<decltype(::thrd_create), "thrd_create"> real_thrd_create;
constexpr real_function<decltype(::pthread_join), "pthread_join"> real_pthread_join;
constexpr real_function<decltype(::pthread_tryjoin_np), "pthread_tryjoin_np"> real_pthread_tryjoin_np;
constexpr real_function<decltype(::pthread_timedjoin_np), "pthread_timedjoin_np"> real_pthread_timedjoin_np;
constexpr real_function<decltype(::pthread_clockjoin_np), "pthread_clockjoin_np"> real_pthread_clockjoin_np;
constexpr real_function<decltype(::pthread_detach), "pthread_detach"> real_pthread_detach;
constexpr real_function<void(void*), "pthread_exit"> real_pthread_exit;
constexpr real_function<decltype(::pthread_setcancelstate), "pthread_setcancelstate"> real_pthread_setcancelstate;
constexpr real_function<decltype(::pthread_cancel), "pthread_cancel"> real_pthread_cancel;
constexpr real_function<decltype(::pthread_setname_np), "pthread_setname_np"> real_pthread_setname_np;
constexpr real_function<decltype(::pthread_getname_np), "pthread_getname_np"> real_pthread_getname_np;
constexpr real_function<decltype(::pthread_getattr_np), "pthread_getattr_np"> real_pthread_getattr_np;
constexpr real_function<decltype(::pthread_setaffinity_np), "pthread_setaffinity_np"> real_pthread_setaffinity_np;
constexpr real_function<decltype(::pthread_getaffinity_np), "pthread_getaffinity_np"> real_pthread_getaffinity_np;
constexpr real_function<decltype(::pthread_setschedparam), "pthread_setschedparam"> real_pthread_setschedparam;
constexpr real_function<decltype(::pthread_getschedparam), "pthread_getschedparam"> real_pthread_getschedparam;
constexpr real_function<decltype(::pthread_setschedprio), "pthread_setschedprio"> real_pthread_setschedprio;
constexpr real_function<decltype(::pthread_getcpuclockid), "pthread_getcpuclockid"> real_pthread_getcpuclockid;
constexpr real_function<decltype(::pthread_key_create), "pthread_key_create"> real_pthread_key_create;
constexpr real_function<decltype(::pthread_key_delete), "pthread_key_delete"> real_pthread_key_delete;

struct wanted {
  std::size_t stack_size = 0;
  std::size_t guard_size = 0;
  void* given_stack = nullptr;
  bool detached = false;
};

wanted read_attributes(const pthread_attr_t* a) noexcept {
  wanted w;
  if (a == nullptr) return w;
  int state = PTHREAD_CREATE_JOINABLE;
  ::pthread_attr_getdetachstate(a, &state);
  ::pthread_attr_getguardsize(a, &w.guard_size);
  ::pthread_attr_getstacksize(a, &w.stack_size);
  w.detached = state == PTHREAD_CREATE_DETACHED;
  void* low = nullptr;
  std::size_t size = 0;
  ::pthread_attr_getstack(a, &low, &size);
  const bool given = reinterpret_cast<std::uintptr_t>(low) + size != 0;  // else it counts down from 0
  if (given) w.given_stack = low;
  return w;
}

int create(pthread_t* id, const wanted& w, void* (*function)(void*), void* argument) noexcept {
  constexpr std::size_t most = std::size_t{1} << 30;
  constexpr std::size_t guard_and_more = 64 << 10;
  if (w.given_stack == nullptr && w.stack_size > most - guard_and_more) return EAGAIN;
  program_thread* t = take_thread();
  if (t == nullptr) return EAGAIN;
  t->function = function;
  t->argument = argument;
  t->detached = w.detached;
  t->guard_size = w.guard_size;
  t->given_stack = w.given_stack;
  t->given_stack_size = w.stack_size;
  t->blocked = blocked_signals();
  field<void*>(t->block, glibc::instance().at->join_id) = w.detached ? t->block : nullptr;
  *id = id_of(*t);  // before it can begin
  const std::size_t stack = w.given_stack != nullptr || w.stack_size == 0 ? 0 : w.stack_size + guard_and_more;
  if (launch(*t, stack <= (std::size_t{8} << 20) + guard_and_more ? 0 : stack)) return 0;
  recycle(*t);
  return EAGAIN;
}

// ---- the C standard's threads, whose function returns an int

struct c11_thread {
  thrd_start_t function;
  void* argument;
};

void* run_c11(void* given) {
  auto* const allocated = static_cast<c11_thread*>(given);
  const c11_thread t = *allocated;
  std::free(allocated);
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(t.function(t.argument)));
}

int create_c11(thrd_t* id, const c11_thread& t) noexcept {
  auto* const allocated = static_cast<c11_thread*>(std::malloc(sizeof(c11_thread)));
  if (allocated == nullptr) return thrd_nomem;
  *allocated = t;
  if (create(id, {}, &run_c11, allocated) == 0) return thrd_success;
  std::free(allocated);
  return thrd_nomem;
}

// 0, or why it cannot be joined. From then on it is the caller's.
int claim_for_joining(program_thread& t) noexcept {
  if (&t == this_program_thread()) return EDEADLK;
  const std::lock_guard guard(t.lock);
  if (t.detached || t.joined) return EINVAL;
  t.joined = true;
  return 0;
}

void give_up_joining(program_thread& t) noexcept {
  const std::lock_guard guard(t.lock);
  t.joined = false;
}

// Once the caller has claimed it.
int await_end(program_thread& t, time_point limit) {
  while (!t.finished.load(std::memory_order_acquire)) {
    lot_waiter waiter(&t);
    if (t.finished.load(std::memory_order_seq_cst)) break;
    const auto how = waiter.sleep(limit, true);
    if (t.finished.load(std::memory_order_acquire)) break;
    if (how == lot_waiter::end::timed_out) return ETIMEDOUT;
    if (how != lot_waiter::end::interrupted) continue;
    waiter.withdraw();
    const program_thread* self = this_program_thread();
    if (self != nullptr && must_cancel(*self)) {
      give_up_joining(t);
      cancellation_point();
    }
    static_cast<void>(answer_interruption());
  }
  return 0;
}

int join(program_thread& t, void** result, time_point limit) {
  cancellation_point();
  if (const int error = claim_for_joining(t)) return error;
  if (const int error = await_end(t, limit)) {
    give_up_joining(t);
    return error;
  }
  if (result != nullptr) *result = t.result;
  recycle(t);
  return 0;
}

// A thread is where it was made to be only once it has begun.
void await_start(const program_thread& t) noexcept {
  while (!t.started.load(std::memory_order_acquire)) ::sched_yield();
}

}  // namespace

}  // namespace weft::exec

using namespace weft::exec;

#pragma GCC visibility push(default)
extern "C" {

int pthread_create(pthread_t* id, const pthread_attr_t* attributes, void* (*function)(void*), void* argument) {
  if (is_ours(__builtin_return_address(0)) || !have_runtime())
    return real_pthread_create(id, attributes, function, argument);
  return create(id, read_attributes(attributes), function, argument);
}

int thrd_create(thrd_t* id, thrd_start_t function, void* argument) {
  return have_runtime() ? create_c11(id, {function, argument}) : real_thrd_create(id, function, argument);
}

void thrd_exit(int result) { ::pthread_exit(reinterpret_cast<void*>(static_cast<std::intptr_t>(result))); }

int thrd_join(thrd_t id, int* result) {
  void* value = nullptr;
  if (::pthread_join(id, &value) != 0) return thrd_error;
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<std::intptr_t>(value));
  return thrd_success;
}

int thrd_detach(thrd_t id) { return ::pthread_detach(id) == 0 ? thrd_success : thrd_error; }

int pthread_join(pthread_t id, void** result) {
  program_thread* t = program_thread_of(id);
  return t != nullptr ? join(*t, result, no_limit) : real_pthread_join(id, result);
}

int pthread_tryjoin_np(pthread_t id, void** result) {
  program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_tryjoin_np(id, result);
  return t->finished.load(std::memory_order_acquire) ? join(*t, result, no_limit) : EBUSY;
}

int pthread_timedjoin_np(pthread_t id, void** result, const timespec* limit) {
  program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_timedjoin_np(id, result, limit);
  return join(*t, result, on_steady_clock(CLOCK_REALTIME, limit));
}

int pthread_clockjoin_np(pthread_t id, void** result, clockid_t clock, const timespec* limit) {
  program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_clockjoin_np(id, result, clock, limit);
  return join(*t, result, on_steady_clock(clock, limit));
}

int pthread_detach(pthread_t id) noexcept {
  program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_detach(id);
  t->lock.lock();
  const bool refused = t->detached || t->joined;
  if (!refused) {
    t->detached = true;
    field<void*>(t->block, glibc::instance().at->join_id) = t->block;
  }
  const bool finished = t->finished.load(std::memory_order_acquire);
  t->lock.unlock();
  if (refused) return EINVAL;
  if (finished) recycle(*t);
  return 0;
}

void pthread_exit(void* result) {
  if (this_program_thread() == nullptr && is_main_thread) main_thread_exits();
  real_pthread_exit(result);
  __builtin_unreachable();
}

int pthread_cancel(pthread_t id) {
  program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_cancel(id);
  if (t->finished.load(std::memory_order_acquire)) return 0;
  t->cancel_requested.store(true, std::memory_order_seq_cst);
  if (t != this_program_thread() && must_cancel(*t)) interrupt(*t);
  return 0;
}

// What was asked for while it was off ends the next wait.
int pthread_setcancelstate(int state, int* before) {
  const int result = real_pthread_setcancelstate(state, before);
  program_thread* self = this_program_thread();
  if (self != nullptr && must_cancel(*self)) interrupt(*self);
  return result;
}

void pthread_testcancel() { cancellation_point(); }

int pthread_setname_np(pthread_t id, const char* name) noexcept {
  program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_setname_np(id, name);
  const std::size_t length = std::strlen(name);
  if (length >= sizeof t->name) return ERANGE;
  std::memcpy(t->name, name, length + 1);
  return 0;
}

int pthread_getname_np(pthread_t id, char* buffer, size_t size) noexcept {
  const program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_getname_np(id, buffer, size);
  if (size < sizeof t->name) return ERANGE;
  const char* name = t->name[0] != '\0' ? t->name : program_invocation_short_name;
  std::strncpy(buffer, name, sizeof t->name - 1);
  buffer[sizeof t->name - 1] = '\0';
  return 0;
}

int pthread_getattr_np(pthread_t id, pthread_attr_t* attributes) noexcept {
  const program_thread* t = program_thread_of(id);
  if (t == nullptr) return real_pthread_getattr_np(id, attributes);
  await_start(*t);
  ::pthread_attr_init(attributes);
  ::pthread_attr_setstack(attributes, t->stack_low, t->stack_size);
  ::pthread_attr_setguardsize(attributes, t->guard_size);
  ::pthread_attr_setdetachstate(attributes, t->detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
  return 0;
}

// Fibers run on any worker: there is no CPU to bind one to, and none that it is kept from.
int pthread_setaffinity_np(pthread_t id, size_t size, const cpu_set_t* cpus) noexcept {
  return program_thread_of(id) != nullptr ? 0 : real_pthread_setaffinity_np(id, size, cpus);
}

int pthread_getaffinity_np(pthread_t id, size_t size, cpu_set_t* cpus) noexcept {
  if (program_thread_of(id) == nullptr) return real_pthread_getaffinity_np(id, size, cpus);
  return ::sched_getaffinity(0, size, cpus) < 0 ? errno : 0;
}

// All are of one kind.
int pthread_setschedparam(pthread_t id, int policy, const sched_param* parameters) noexcept {
  if (program_thread_of(id) == nullptr) return real_pthread_setschedparam(id, policy, parameters);
  return policy == SCHED_FIFO || policy == SCHED_RR ? EPERM : 0;
}

int pthread_getschedparam(pthread_t id, int* policy, sched_param* parameters) noexcept {
  if (program_thread_of(id) == nullptr) return real_pthread_getschedparam(id, policy, parameters);
  *policy = SCHED_OTHER;
  parameters->sched_priority = 0;
  return 0;
}

int pthread_setschedprio(pthread_t id, int priority) noexcept {
  if (program_thread_of(id) == nullptr) return real_pthread_setschedprio(id, priority);
  return priority == 0 ? 0 : EINVAL;
}

// Nobody counts a fiber's time.
int pthread_getcpuclockid(pthread_t id, clockid_t* clock) noexcept {
  return program_thread_of(id) != nullptr ? ENOENT : real_pthread_getcpuclockid(id, clock);
}

int pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) noexcept {
  const int error = real_pthread_key_create(key, destructor);
  if (error == 0) note_key(*key, destructor);
  return error;
}

int pthread_key_delete(pthread_key_t key) noexcept {
  note_key(key, nullptr);
  return real_pthread_key_delete(key);
}

}  // extern "C"
#pragma GCC visibility pop
