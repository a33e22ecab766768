#include <weft/scheduler/observe/stall_report.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

#include <weft/scheduler/detail/kernel_position.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/describe.hpp>
#include <weft/scheduler/observe/observer.hpp>
#include <weft/scheduler/observe/peek.hpp>
#include <weft/scheduler/observe/running_stacks.hpp>
#include <weft/scheduler/observe/unwinder.hpp>

namespace weft::detail {

namespace {

constexpr std::size_t frames_that_tell_a_place = 4;

stack_image stack_of_blocked(pid_t thread, const fiber& f) {
  stack_image image;
  const kernel_position at = position_of_thread(thread);
  const std::uint64_t pointer = at.stack_pointer;
  image.registers[stack_image::rsp] = pointer;
  image.registers[stack_image::rip] = at.program_counter;
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
