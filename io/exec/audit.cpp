#include <weft/io/exec/audit.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>

#include <weft/io/exec/host.hpp>
#include <weft/io/exec/kernel_call.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/scheduler/spin_lock.hpp>

// The end of our handler, in our own code, whose system calls are never caught. The unwinder knows a signal's frame by just these instructions.
asm(R"(
  .text
  .p2align 4
  nop
  .globl weft_exec_audit_return
  .hidden weft_exec_audit_return
  .type weft_exec_audit_return, @function
weft_exec_audit_return:
  movq $15, %rax
  syscall
)");
extern "C" void weft_exec_audit_return();

namespace weft::exec::audit {

namespace {

constexpr int set_dispatch = 59;  // PR_SET_SYSCALL_USER_DISPATCH and what goes with it; not in older headers
constexpr long dispatch_on = 1;
constexpr char allowed = 0;
constexpr char caught = 1;

// Of each worker; found from its thread pointer, as on the program's side it is not the current one.
[[gnu::tls_model("initial-exec")]] thread_local constinit char selector = allowed;
[[gnu::tls_model("initial-exec")]] thread_local constinit bool dispatched = false;
std::ptrdiff_t selector_offset = 0;
std::ptrdiff_t dispatched_offset = 0;

const char* report_to = nullptr;
std::atomic<std::uint64_t> calls{0};

// ---- which calls can wait for something outside

struct waiting_call {
  long number;
  const char* name;
};
constexpr std::array waiting_calls{
    waiting_call{SYS_read, "read"},
    waiting_call{SYS_write, "write"},
    waiting_call{SYS_readv, "readv"},
    waiting_call{SYS_writev, "writev"},
    waiting_call{SYS_preadv2, "preadv2"},
    waiting_call{SYS_pwritev2, "pwritev2"},
    waiting_call{SYS_recvfrom, "recvfrom"},
    waiting_call{SYS_recvmsg, "recvmsg"},
    waiting_call{SYS_recvmmsg, "recvmmsg"},
    waiting_call{SYS_sendto, "sendto"},
    waiting_call{SYS_sendmsg, "sendmsg"},
    waiting_call{SYS_sendmmsg, "sendmmsg"},
    waiting_call{SYS_accept, "accept"},
    waiting_call{SYS_accept4, "accept4"},
    waiting_call{SYS_connect, "connect"},
    waiting_call{SYS_poll, "poll"},
    waiting_call{SYS_ppoll, "ppoll"},
    waiting_call{SYS_select, "select"},
    waiting_call{SYS_pselect6, "pselect6"},
    waiting_call{SYS_epoll_wait, "epoll_wait"},
    waiting_call{SYS_epoll_pwait, "epoll_pwait"},
    waiting_call{SYS_epoll_pwait2, "epoll_pwait2"},
    waiting_call{SYS_nanosleep, "nanosleep"},
    waiting_call{SYS_clock_nanosleep, "clock_nanosleep"},
    waiting_call{SYS_pause, "pause"},
    waiting_call{SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    waiting_call{SYS_rt_sigsuspend, "rt_sigsuspend"},
    waiting_call{SYS_futex, "futex"},
    waiting_call{SYS_wait4, "wait4"},
    waiting_call{SYS_waitid, "waitid"},
    waiting_call{SYS_flock, "flock"},
    waiting_call{SYS_fcntl, "fcntl"},
    waiting_call{SYS_open, "open"},
    waiting_call{SYS_openat, "openat"},
    waiting_call{SYS_semop, "semop"},
    waiting_call{SYS_semtimedop, "semtimedop"},
    waiting_call{SYS_msgrcv, "msgrcv"},
    waiting_call{SYS_msgsnd, "msgsnd"},
};

const char* name_if_waiting(long number) noexcept {
  for (const waiting_call& c : waiting_calls) {
    if (c.number == number) return c.name;
  }
  return nullptr;
}

// By what it is asked for, as our own attempts are.
bool cannot_wait(long number, const kernel_arguments& a) noexcept {
  constexpr long nowait = 8;  // RWF_NOWAIT
  switch (number) {
    case SYS_recvfrom:
    case SYS_sendto:
      return (a[3] & MSG_DONTWAIT) != 0;
    case SYS_recvmsg:
    case SYS_sendmsg:
      return (a[2] & MSG_DONTWAIT) != 0;
    case SYS_recvmmsg:
    case SYS_sendmmsg:
      return (a[3] & MSG_DONTWAIT) != 0;
    case SYS_preadv2:
    case SYS_pwritev2:
      return (a[5] & nowait) != 0;
    case SYS_poll:
      return a[2] == 0;
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
      return static_cast<int>(a[3]) == 0;
    case SYS_futex: {
      const long operation = a[1] & FUTEX_CMD_MASK;
      return operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET && operation != FUTEX_LOCK_PI;
    }
    case SYS_fcntl:
      return a[1] != F_SETLKW && a[1] != F_OFD_SETLKW;
    case SYS_wait4:
      return (a[2] & 1) != 0;  // WNOHANG
    default:
      return false;
  }
}

// After these the thread is not where it was: they are made by the program, uncaught.
bool must_be_made_in_place(long number) noexcept {
  switch (number) {
    case SYS_rt_sigreturn:
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork:
    case SYS_vfork:
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit:
    case SYS_exit_group:
      return true;
    default:
      return false;
  }
}

// ---- what was found

constexpr std::size_t depth = 6;
using stack = std::array<void*, depth>;

struct finding {
  long number = -1;
  stack site{};
  std::uint64_t count = 0;
};
spin_lock findings_lock;
std::array<finding, 256> findings;
std::uint64_t beyond = 0;  // what there was no room for

struct walk {
  const void* from;  // the interrupted instruction
  bool reached = false;
  std::size_t n = 0;
  stack site{};
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* p) noexcept {
  auto& w = *static_cast<walk*>(p);
  auto* at = reinterpret_cast<void*>(_Unwind_GetIP(context));
  w.reached |= at == w.from;
  if (w.reached && !is_ours(at) && w.n < depth) w.site[w.n++] = at;
  return w.n < depth ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void note(long number, const void* from) noexcept {
  walk w{.from = from};
  _Unwind_Backtrace(&step, &w);
  const std::lock_guard guard(findings_lock);
  for (finding& f : findings) {
    if (f.count != 0 && (f.number != number || f.site != w.site)) continue;
    f.number = number;
    f.site = w.site;
    ++f.count;
    return;
  }
  ++beyond;
}

// ---- catching

// How often the calling thread has gone to sleep.
long sleeps() noexcept {
  rusage use{};
  constexpr long this_thread = 1;  // RUSAGE_THREAD
  kernel_call(SYS_getrusage, {this_thread, reinterpret_cast<long>(&use), 0, 0, 0, 0});
  return use.ru_nvcsw;
}

long make(long number, const kernel_arguments& a, const void* from) noexcept {
  if (name_if_waiting(number) == nullptr || cannot_wait(number, a)) return kernel_call(number, a);
  const long before = sleeps();
  const long result = kernel_call(number, a);
  if (sleeps() != before) note(number, from);
  return result;
}

void on_call(int, siginfo_t* info, void* context) {
  const program_thread* self = this_program_thread();
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (self != nullptr) field<char>(self->worker, static_cast<std::size_t>(selector_offset)) = allowed;
  const long number = info->si_syscall;
  if (self == nullptr || must_be_made_in_place(number)) {
    constexpr long length_of_instruction = 2;
    registers[REG_RIP] -= length_of_instruction;
    return;
  }
  calls.fetch_add(1, std::memory_order_relaxed);
  const kernel_arguments a{registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                           registers[REG_R10], registers[REG_R8],  registers[REG_R9]};
  registers[REG_RAX] = make(number, a, reinterpret_cast<const void*>(registers[REG_RIP]));
  field<char>(self->worker, static_cast<std::size_t>(selector_offset)) = caught;
}

bool install_handler() noexcept {
  kernel_action action{};
  constexpr unsigned long restorer_given = 0x04000000;  // SA_RESTORER
  action.handler = &on_call;
  action.flags = SA_SIGINFO | SA_NODEFER | restorer_given;
  action.restorer = &weft_exec_audit_return;
  return kernel_call(SYS_rt_sigaction, {SIGSYS, reinterpret_cast<long>(&action), 0, sizeof action.mask, 0, 0}) == 0;
}

// ---- the report

std::string_view file_of(const char* path) noexcept {
  const std::string_view whole = path != nullptr ? path : "?";
  return whole.substr(whole.rfind('/') + 1);
}

void print_place(FILE* out, const void* address) noexcept {
  Dl_info info{};
  if (::dladdr(address, &info) == 0) {
    std::fprintf(out, "%p", address);
    return;
  }
  const std::string_view file = file_of(info.dli_fname);
  const char* name = info.dli_sname;
  const void* base = name != nullptr ? info.dli_saddr : info.dli_fbase;
  std::fprintf(out, "%s+%#tx (%.*s)", name != nullptr ? name : "",
               static_cast<const char*>(address) - static_cast<const char*>(base), static_cast<int>(file.size()),
               file.data());
}

void print(FILE* out) noexcept {
  const std::lock_guard guard(findings_lock);
  std::uint64_t sum = beyond;
  for (const finding& f : findings) sum += f.count;
  std::fprintf(out, "weft exec: audit: %llu of %llu system calls blocked a worker\n",
               static_cast<unsigned long long>(sum),
               static_cast<unsigned long long>(calls.load(std::memory_order_relaxed)));
  for (const finding& f : findings) {
    if (f.count == 0) continue;
    std::fprintf(out, "%8llu x %s", static_cast<unsigned long long>(f.count), name_if_waiting(f.number));
    for (const void* at : f.site) {
      if (at == nullptr) continue;
      std::fputs(" < ", out);
      print_place(out, at);
    }
    std::fputc('\n', out);
  }
}

[[gnu::destructor]] void report() noexcept {
  if (!is_on || report_to == nullptr) return;
  if (std::strcmp(report_to, "-") == 0) return print(stderr);
  if (FILE* out = std::fopen(report_to, "ae")) {
    print(out);
    std::fclose(out);
  }
}

}  // namespace

void begin() noexcept {
  report_to = std::getenv("WEFT_EXEC_AUDIT");
  if (report_to == nullptr || *report_to == '\0') return;
  selector_offset = &selector - thread_pointer();
  dispatched_offset = reinterpret_cast<char*>(&dispatched) - thread_pointer();
  if (!install_handler()) {
    std::fputs("weft exec: no audit: the system refuses the handler of SIGSYS\n", stderr);
    return;
  }
  is_on = true;
}

[[gnu::noinline]] void watch(char* worker, bool on) noexcept {
  bool& known = field<bool>(worker, static_cast<std::size_t>(dispatched_offset));
  char& choice = field<char>(worker, static_cast<std::size_t>(selector_offset));
  if (on && !known) {
    const code_range own = own_code();
    const long result =
        kernel_call(SYS_prctl, {set_dispatch, dispatch_on, static_cast<long>(own.begin),
                                static_cast<long>(own.end - own.begin), reinterpret_cast<long>(&choice), 0});
    if (result != 0) {
      static std::atomic<bool> told{false};
      if (!told.exchange(true))
        std::fputs("weft exec: no audit: the kernel has no Syscall User Dispatch (Linux 5.11)\n", stderr);
    }
    known = true;
  }
  choice = on ? caught : allowed;
}

}  // namespace weft::exec::audit
