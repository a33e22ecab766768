#include <weft/scheduler/detail/stack_overflow.hpp>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <mutex>

#include <weft/scheduler/detail/stack_pool.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

namespace {

// Engines for guests ask for this much and replace a smaller one.
constexpr std::size_t alternate_stack_size = 256 << 10;

struct sigaction previous_action;

bool hits_guard_of(const fiber& f, const void* address) noexcept {
  if (f.stack_low == nullptr) return false;
  const auto a = reinterpret_cast<std::uintptr_t>(address);
  const auto low = reinterpret_cast<std::uintptr_t>(f.stack_low);
  return a < low && a >= low - stack_pool::guard_size;
}

// Only what a signal handler may do: format into a local buffer and write.
void report(const fiber& f) noexcept {
  char text[512];
  const char* name = "a fiber";
  const char* file = "?";
  unsigned line = 0;
  if (f.task != nullptr) {
    if (f.task->name != nullptr) name = f.task->name;
    file = f.task->site.file_name();
    line = static_cast<unsigned>(f.task->site.line());
  }
  const int n = std::snprintf(text, sizeof text,
                              "weft: stack overflow in fiber '%s' (spawned at %s:%u): it has used all of its %zu KiB.\n"
                              "Raise options::stack_size (a power of two), or recurse less.\n",
                              name, file, line, f.stack_size >> 10);
  if (n > 0) {
    [[maybe_unused]] const auto written =
        ::write(STDERR_FILENO, text, std::min(static_cast<std::size_t>(n), sizeof text - 1));
  }
}

void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0 && previous_action.sa_sigaction != nullptr) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else {
    ::signal(signal, SIG_DFL);  // the faulting instruction runs again, and ends the process as it would have
    if (info->si_code <= 0) ::raise(signal);  // somebody has sent it: there is no such instruction
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  worker* w = this_worker();
  if (w != nullptr && w->current() != nullptr && hits_guard_of(*w->current(), info->si_addr)) {
    report(*w->current());
    ::signal(signal, SIG_DFL);
    return;
  }
  pass_on(signal, info, context);
}

void install_once() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = &on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, &previous_action);
  });
}

}  // namespace

stack_overflow_guard::stack_overflow_guard() noexcept {
  void* stack = ::mmap(nullptr, alternate_stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return;
  stack_t alternate = {};
  alternate.ss_sp = stack;
  alternate.ss_size = alternate_stack_size;
  if (::sigaltstack(&alternate, nullptr) != 0) {
    ::munmap(stack, alternate_stack_size);
    return;
  }
  alternate_stack_ = stack;
  install_once();
}

stack_overflow_guard::~stack_overflow_guard() {
  if (alternate_stack_ == nullptr) return;
  stack_t current = {};
  ::sigaltstack(nullptr, &current);
  if (current.ss_sp == alternate_stack_) {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
  }
  ::munmap(alternate_stack_, alternate_stack_size);
}

}  // namespace weft::detail
