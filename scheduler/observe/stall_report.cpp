#include <weft/scheduler/observe/stall_report.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/describe.hpp>
#include <weft/scheduler/observe/observer.hpp>
#include <weft/scheduler/observe/peek.hpp>
#include <weft/scheduler/observe/running_stacks.hpp>
#include <weft/scheduler/observe/unwinder.hpp>

namespace weft::detail {

namespace {

constexpr std::size_t frames_that_tell_a_place = 4;

// Stack pointer and program counter of a thread in the kernel end the line of /proc/self/task/ID/syscall; of one that runs there are none.
bool read_position(pid_t thread, std::uint64_t& stack_pointer, std::uint64_t& program_counter) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/syscall", thread);
  const int fd = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::array<char, 256> text{};
  const ssize_t size = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  if (size <= 0) return false;
  const std::string_view line(text.data(), static_cast<std::size_t>(size));
  const std::size_t last = line.rfind(" 0x");
  const std::size_t before = last == std::string_view::npos ? last : line.rfind(" 0x", last - 1);
  if (before == std::string_view::npos) return false;
  return std::sscanf(text.data() + before, " 0x%" SCNx64 " 0x%" SCNx64, &stack_pointer, &program_counter) == 2;
}

stack_image stack_of_blocked(pid_t thread, const fiber& f) {
  stack_image image;
  std::uint64_t& pointer = image.registers[stack_image::rsp];
  if (!read_position(thread, pointer, image.registers[stack_image::rip])) return {};
  const auto low = reinterpret_cast<std::uint64_t>(peek_pointer(&f.stack_low));
  const std::uint64_t end = low + peek(&f.stack_size).value_or(0);
  if (low == 0 || pointer < low || pointer >= end) return {};
  image.bytes.resize(std::min<std::uint64_t>(end - pointer, stack_image::most_bytes));
  if (!peek(reinterpret_cast<const void*>(pointer), image.bytes.data(), image.bytes.size())) return {};
  return image;
}

// A dump copies running stacks, too, under the same lock.
stack_image stack_of_computing(pid_t thread, const fiber& f) {
  const auto guard = runtime_list::lock();
  return stack_of_running(thread, f);
}

std::string line_of(const frame& f) {
  std::string line = f.function.empty() ? describe(reinterpret_cast<const void*>(f.address)) : f.function;
  if (!f.file.empty()) line += "  " + f.file + ":" + std::to_string(f.line);
  return line;
}

void describe_stack(const stack_image& image, stall_finding& finding) {
  unwinder library;
  for (const frame& f : library.frames_of(image)) {
    finding.report.stack += line_of(f) + "\n";
    if (finding.place.size() < frames_that_tell_a_place) finding.place.push_back(f.address);
  }
}

void describe_task(const fiber& f, stall_report& report) {
  task_node* const* const at = &f.task;
  const task_node* task = peek_pointer(at);
  if (task == nullptr) return;
  if (const char* name = peek(&task->name).value_or(nullptr)) report.task = peek_text(name);
  if (const auto site = peek(&task->site)) {
    report.spawned = peek_text(site->file_name()) + ":" + std::to_string(site->line());
  }
}

}  // namespace

std::string stall_finding::key() const {
  std::string text = report.spawned;
  for (const std::uint64_t address : place) text += " " + std::to_string(address);
  return text;
}

// Fibers are not freed while their runtime lives, and only it asks.
stall_finding examine_stall(const worker& w, stall_kind kind, std::chrono::nanoseconds duration) {
  stall_finding finding;
  finding.report.kind = kind;
  finding.report.worker = w.index();
  finding.report.duration = duration;
  const std::uint64_t progress = w.progress();
  const fiber* f = peek_pointer(observer::current_of(w));
  if (f == nullptr) return finding;
  describe_task(*f, finding.report);
  const stack_image image =
      kind == stall_kind::blocked ? stack_of_blocked(w.thread_id(), *f) : stack_of_computing(w.thread_id(), *f);
  if (w.progress() != progress) {  // it got on while it was looked at
    finding.report.task.clear();
    finding.report.spawned.clear();
    return finding;
  }
  finding.has_stack = !image.empty();
  if (finding.has_stack) describe_stack(image, finding);
  return finding;
}

}  // namespace weft::detail

namespace weft {

std::string to_string(const stall_report& r) {
  const bool blocked = r.kind == stall_kind::blocked;
  std::string text = "weft: a fiber has kept worker " + std::to_string(r.worker) + " for " +
                     std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(r.duration).count()) +
                     (blocked ? " ms in a call that blocks the thread" : " ms, computing while others wait");
  if (!r.task.empty()) text += ", task '" + r.task + "'";
  if (!r.spawned.empty()) text += ", spawned at " + r.spawned;
  text += blocked ? ". Wrap the call in weft::blocking(), or use weft's own.\n"
                  : ". Call weft::yield() now and then, or use weft::blocking() or parallel_for.\n";
  for (std::size_t at = 0; at < r.stack.size();) {
    const std::size_t end = r.stack.find('\n', at);
    text += "    " + r.stack.substr(at, end - at) + "\n";
    at = end == std::string::npos ? r.stack.size() : end + 1;
  }
  return text;
}

}  // namespace weft
