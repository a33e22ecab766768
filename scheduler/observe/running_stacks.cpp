#include <weft/scheduler/observe/running_stacks.hpp>

#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/peek.hpp>
#include <weft/scheduler/thread_interrupt.hpp>

namespace weft::detail {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 100ms;

enum class step : int {
  idle,
  asked,   // the thread named may take it; who asked may take it back
  taking,  // the handler writes
  taken,
};

// The one request there may be. A signal may be late: so this is never freed, and a thread looks for its own number.
struct request {
  std::atomic<step> at{step::idle};
  std::atomic<pid_t> thread{0};
  std::atomic<const fiber*> wanted{nullptr};
  std::array<std::uint64_t, 17> registers;
  std::atomic<std::size_t> size;
  std::byte* bytes = nullptr;  // stack_image::most_bytes
};
request current;

// Where the thread stands on the stack of its fiber. It may also be in the middle of a switch, or on a guest's stack.
std::size_t copy_stack(const fiber& f, std::uint64_t stack_pointer, std::byte* to) noexcept {
  const auto low = reinterpret_cast<std::uint64_t>(f.stack_low);
  if (low == 0 || stack_pointer < low || stack_pointer >= low + f.stack_size) return 0;
  const std::size_t size = std::min<std::uint64_t>(low + f.stack_size - stack_pointer, stack_image::most_bytes);
  return peek(reinterpret_cast<const void*>(stack_pointer), to, size) ? size : 0;
}

void answer(const ucontext_t& interrupted) noexcept {
  static constexpr int order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (std::size_t i = 0; i < current.registers.size(); ++i) {
    current.registers[i] = static_cast<std::uint64_t>(interrupted.uc_mcontext.gregs[order[i]]);
  }
  const worker* w = this_worker();
  const fiber* f = w != nullptr ? w->current() : nullptr;
  const bool is_wanted = f != nullptr && f == current.wanted.load(std::memory_order_relaxed);
  current.size.store(is_wanted ? copy_stack(*f, current.registers[stack_image::rsp], current.bytes) : 0,
                     std::memory_order_relaxed);
}

void on_interrupt(const ucontext_t& interrupted) {
  if (current.thread.load(std::memory_order_relaxed) != ::gettid()) return;
  step expected = step::asked;
  if (!current.at.compare_exchange_strong(expected, step::taking, std::memory_order_acquire)) return;
  answer(interrupted);
  current.at.store(step::taken, std::memory_order_release);
}

const thread_interrupt& stack_request() noexcept {
  static const thread_interrupt interrupt(&on_interrupt);
  return interrupt;
}

// False if the thread has not answered; then it will not write any more.
bool await_answer() {
  const auto limit = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (current.at.load(std::memory_order_acquire) == step::taken) return true;
    if (std::chrono::steady_clock::now() > limit) {
      step expected = step::asked;
      if (current.at.compare_exchange_strong(expected, step::idle)) return false;
    }
    std::this_thread::sleep_for(20us);
  }
}

}  // namespace

stack_image stack_of_running(pid_t thread, const fiber& f) {
  stack_image image;
  image.bytes.resize(stack_image::most_bytes);
  current.bytes = image.bytes.data();
  current.wanted.store(&f, std::memory_order_relaxed);
  current.thread.store(thread, std::memory_order_relaxed);
  current.at.store(step::asked, std::memory_order_release);
  const bool answered = stack_request().send(thread) && await_answer();
  current.at.store(step::idle, std::memory_order_relaxed);
  image.registers = current.registers;
  image.bytes.resize(answered ? current.size.load(std::memory_order_relaxed) : 0);
  return image;
}

}  // namespace weft::detail
