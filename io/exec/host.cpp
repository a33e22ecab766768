#include <weft/io/exec/host.hpp>

#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <boost/context/detail/fcontext.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include <weft/io/exec/audit.hpp>
#include <weft/io/exec/glibc.hpp>
#include <weft/io/exec/kernel_call.hpp>
#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/real.hpp>
#include <weft/io/exec/thread_end.hpp>
#include <weft/scheduler/foreign_threads.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/thread_interrupt.hpp>

extern "C" {
// In <pthread.h>, but not for C++.
void __pthread_register_cancel(__pthread_unwind_buf_t*);  // NOLINT(bugprone-reserved-identifier)
}

namespace weft::exec {

namespace {

enum class state : int { none, starting, running, refused };
std::atomic<state> now{state::none};
std::atomic<long> live{0};
std::atomic<bool> main_has_left{false};
std::atomic<bool> process_ends{false};

// When the last thread has left after main.
void end_process() {
  if (!process_ends.exchange(true)) std::exit(0);
}

// Never destroyed: threads of the program run while and after its destructors do.
runtime* engine = nullptr;
alignas(foreign_threads) std::byte spawner_memory[sizeof(foreign_threads)];
foreign_threads* spawner = nullptr;

unsigned number_from(const char* variable) noexcept {
  const char* text = std::getenv(variable);
  return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 0;
}

std::size_t default_stack() noexcept {
  std::size_t size = 0;
  pthread_attr_t attributes;
  ::pthread_getattr_default_np(&attributes);
  ::pthread_attr_getstacksize(&attributes, &size);
  ::pthread_attr_destroy(&attributes);
  constexpr std::size_t least = 256 << 10;
  constexpr std::size_t most = 64 << 20;
  return std::bit_ceil(std::min(std::max(size, least), most));
}

options runtime_options() {
  options o;
  o.workers = number_from("WEFT_EXEC_WORKERS");
  o.name = "weft-exec";
  o.stack_size = default_stack();
  o.detect_deadlock = false;                // the main thread may wake any of them
  o.on_stall = [](const stall_report&) {};  // programs compute and block as they please; a spare worker goes on
  return o;
}

// Those of faults stay, and SIGURG, by which the runtime reaches its workers.
sigset_t signals_to_block() noexcept {
  sigset_t s;
  ::sigfillset(&s);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGURG}) ::sigdelset(&s, fault);
  return s;
}

// A handler of the runtime's, or of the C library's, that comes while the program's thread runs: as the worker.
void with_own_thread_pointer(void (*handle)(void*) noexcept, void* context) noexcept {
  program_thread* self = this_program_thread();
  if (self == nullptr || self->orphaned) return handle(context);
  char* program = thread_pointer();
  set_thread_pointer(self->worker);
  handle(context);
  set_thread_pointer(program);
}

// ---- setuid() and its kin: the C library signals each of its threads, and waits until each has answered in its own block.

constexpr int sigsetxid = 33;

void (*library_handler)(int, siginfo_t*, void*) = nullptr;

void on_setxid(int signal, siginfo_t* info, void* context) {
  struct arguments {
    int signal;
    siginfo_t* info;
    void* context;
  } given{signal, info, context};
  with_own_thread_pointer(
      [](void* p) noexcept {
        const auto& g = *static_cast<arguments*>(p);
        library_handler(g.signal, g.info, g.context);
      },
      &given);
}

void wrap_setxid_handler() noexcept {
  kernel_action action{};
  if (::syscall(SYS_rt_sigaction, sigsetxid, nullptr, &action, sizeof action.mask) != 0) return;
  if (action.handler == nullptr || action.handler == &on_setxid) return;
  library_handler = action.handler;
  action.handler = &on_setxid;
  ::syscall(SYS_rt_sigaction, sigsetxid, &action, nullptr, sizeof action.mask);
}

// ---- fork

// The kernel knows the restartable-sequences area of the worker that the child was; its block may be used again.
void move_rseq(program_thread& self) noexcept {
  const glibc_layout& at = *glibc::instance().at;
  constexpr unsigned area = 32;
  constexpr unsigned signature = 0x53053053;
  constexpr int unregister = 1;
  ::syscall(SYS_rseq, self.worker + at.rseq, area, unregister, signature);
  ::syscall(SYS_rseq, self.block + at.rseq, area, 0, signature);
}

void in_child() noexcept {
  empty_lot_after_fork();
  if (program_thread* self = this_program_thread()) {
    move_rseq(*self);
    self->orphaned = true;
    current_thread = nullptr;
    const sigset_t mask = std::bit_cast<sigset_t>(std::array<std::uint64_t, sizeof(sigset_t) / 8>{self->blocked});
    real_pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  }
  is_main_thread = true;
  engine = nullptr;
  spawner = nullptr;
  live.store(0, std::memory_order_relaxed);
  main_has_left.store(false, std::memory_order_relaxed);
  if (now.load(std::memory_order_relaxed) != state::refused) now.store(state::none, std::memory_order_relaxed);
}

// ---- where the code of this library is

int look_for_own_code(dl_phdr_info* info, std::size_t, void* result) noexcept {
  const auto here = reinterpret_cast<std::uintptr_t>(&look_for_own_code);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
    if (part.p_type != PT_LOAD || here < begin || here >= begin + part.p_memsz) continue;
    *static_cast<code_range*>(result) = {begin, begin + part.p_memsz};
    return 1;
  }
  return 0;
}

const code_range found_code = [] {
  code_range c;
  ::dl_iterate_phdr(&look_for_own_code, &c);
  return c;
}();

// ---- start

void start() {
  static const bool prepared =
      (::pthread_atfork(nullptr, nullptr, &in_child), thread_interrupt::set_wrapper(&with_own_thread_pointer), true);
  static_cast<void>(prepared);
  const main_thread_inside inside;
  const sigset_t blocked = signals_to_block();
  sigset_t before;
  real_pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto made = [] {
    try {
      engine = new runtime(runtime_options());
      spawner = ::new (static_cast<void*>(spawner_memory)) foreign_threads(*engine);
      return std::string();
    } catch (const std::exception& e) {
      return std::string(e.what());
    }
  }();
  real_pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!made.empty()) throw std::runtime_error(made);
  wrap_setxid_handler();
  audit::begin();
}

void refuse(const std::string& why) noexcept {
  std::fprintf(stderr, "weft exec: threads of this program stay OS threads: %s\n", why.c_str());
}

state begin() noexcept {
  if (!glibc::why_not().empty()) {
    refuse(glibc::why_not());
    return state::refused;
  }
  try {
    start();
    return state::running;
  } catch (const std::exception& e) {
    refuse(e.what());
    return state::refused;
  }
}

// ---- a thread's life

[[gnu::noinline]] void call_function(program_thread& t) noexcept(false) {
  const glibc_layout& at = *glibc::instance().at;
  __pthread_unwind_buf_t unwind = {};
  // pthread_exit() and cancellation unwind to here, as in the library's own start of a thread.
  if (__sigsetjmp_cancel(unwind.__cancel_jmp_buf, 0) == 0) {
    ::__pthread_register_cancel(&unwind);
    field<void*>(t.block, at.result) = t.function(t.argument);
  }
}

// The program's side, outermost. An exception that nobody catches finds no frame beyond this one, so that std::terminate is called as in a thread.
[[gnu::noinline]] void run_program_side(program_thread& t) noexcept(false) {
  asm volatile(".cfi_undefined rip");
  to_program_side(t);
  glibc::instance().initialise_ctype();
  call_function(t);
  end_on_program_side(t);
  if (live.fetch_sub(1, std::memory_order_seq_cst) == 1 && main_has_left.load(std::memory_order_seq_cst)) end_process();
  if (t.orphaned) std::exit(0);  // the only thread of a forked child
  to_runtime_side(t);
}

namespace context = boost::context::detail;

// On a stack that the program has given.
void run_on_given_stack(context::transfer_t caller) {
  run_program_side(*static_cast<program_thread*>(caller.data));
  context::ontop_fcontext(caller.fctx, nullptr, [](context::transfer_t back) { return back; });
}

void set_waits(program_thread& t, foreign_threads::waits w) noexcept {
  const std::lock_guard guard(t.lock);
  t.waits = w;
}

void run(void* argument) noexcept {
  auto& t = *static_cast<program_thread*>(argument);
  t.worker = thread_pointer();
  if (t.given_stack != nullptr) {
    t.stack_low = static_cast<char*>(t.given_stack);
    t.stack_size = t.given_stack_size;
  } else {
    const auto stack = foreign_threads::stack_of_caller();
    t.stack_low = stack.low;
    t.stack_size = stack.size;
  }
  set_waits(t, foreign_threads::waits::of_caller());
  t.started.store(true, std::memory_order_release);
  if (t.given_stack != nullptr) {
    context::jump_fcontext(context::make_fcontext(t.stack_low + t.stack_size, t.stack_size, &run_on_given_stack), &t);
  } else {
    run_program_side(t);
  }
  set_waits(t, {});
  end_on_runtime_side(t);
}

}  // namespace

bool runtime_runs() noexcept { return now.load(std::memory_order_acquire) == state::running; }

bool have_runtime() noexcept {
  for (;;) {
    state seen = now.load(std::memory_order_acquire);
    if (seen == state::running || seen == state::refused) return seen == state::running;
    if (seen == state::starting || !now.compare_exchange_strong(seen, state::starting)) {
      ::sched_yield();
      continue;
    }
    now.store(begin(), std::memory_order_release);
  }
}

code_range own_code() noexcept { return found_code; }

bool is_ours(const void* return_address) noexcept {
  const auto a = reinterpret_cast<std::uintptr_t>(return_address);
  return a >= found_code.begin && a < found_code.end;
}

bool launch(program_thread& t, std::size_t stack_size) noexcept {
  bool launched = false;
  live.fetch_add(1, std::memory_order_relaxed);
  on_runtime_side([&]() noexcept {
    try {
      spawner->spawn(&run, &t, "a thread of the program", stack_size);
      launched = true;
    } catch (const std::exception&) {
      live.fetch_sub(1, std::memory_order_relaxed);
    }
  });
  return launched;
}

void main_thread_exits() noexcept {
  main_has_left.store(true, std::memory_order_seq_cst);
  if (runtime_runs() && live.load(std::memory_order_seq_cst) == 0) end_process();
}

}  // namespace weft::exec
