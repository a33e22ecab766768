#include <weft/scheduler/observe/snapshot.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_set>

#include <weft/scheduler/observe/observer.hpp>
#include <weft/scheduler/observe/peek.hpp>
#include <weft/scheduler/observe/running_stacks.hpp>
#include <weft/scheduler/observe/saved_context.hpp>

namespace weft::detail {

namespace {

using clock = std::chrono::steady_clock;

constexpr int most_attempts = 4;
constexpr int most_inline_runs = 1000;
constexpr std::size_t most_scopes = 1000;  // above each other; more is a chain that is not one

// Time limits by what they limit.
struct limits {
  struct of_wait {
    std::uint64_t epoch;
    clock_time when;
  };
  std::unordered_map<const fiber*, of_wait> waits;
  std::unordered_map<const scope*, clock_time> scopes;
};

template <class T>
bool can_be(const T* p) noexcept {
  return p != nullptr && reinterpret_cast<std::uintptr_t>(p) % alignof(T) == 0;
}

// What a std::source_location points to, as both compilers lay it out.
struct written_place {
  const char* file;
  const char* function;
  unsigned line;
  unsigned column;
};
static_assert(sizeof(std::source_location) == sizeof(written_place*));

code_place look_at(const std::source_location* at) {
  const auto site = peek(reinterpret_cast<const written_place* const*>(at));
  const auto place = site ? peek(*site) : std::nullopt;
  if (!place || place->file == nullptr) return {};
  return {peek_text(place->file), place->line};
}

// Where in one runtime what belongs.
class runtime_look {
 public:
  runtime_look(runtime_core& runtime, with_stacks stacks)
      : runtime_(runtime), with_stacks_(stacks == with_stacks::yes) {}

  runtime_view take() {
    view_.number = runtime_.number;
    view_.blocking_calls = runtime_.blocking.callers.load(std::memory_order_relaxed);
    look_at_limits();
    {
      const auto guard = runtime_.known.lock();
      for (fiber* f = runtime_.known.first(); f != nullptr; f = f->next_known) look_at(*f);
      std::sort(view_.fibers.begin(), view_.fibers.end(),
                [](const auto& a, const auto& b) { return a.number < b.number; });
      for (const auto& w : runtime_.workers()) look_at(*w);
    }
    look_at_tasks();
    for (const fiber_view& f : view_.fibers) add_scopes(f.in);
    for (scope_view& s : view_.scopes) s.not_begun = not_begun_[s.address];
    return std::move(view_);
  }

 private:
  void look_at_limits() {
    for (const auto& w : runtime_.workers()) {
      w->timers().visit([this](const timer& t) {
        if (const limited_wait wait = wait_limited_by(t); wait.waiting != nullptr) {
          limits_.waits[wait.waiting] = {wait.epoch, t.when};
        } else if (const scope* s = scope_limited_by(t)) {
          limits_.scopes[s] = t.when;
        }
      });
    }
  }

  // A host without a task is nobody.
  void look_at(const fiber& f) {
    fiber_view seen;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      if (!is_occupied(f)) return;
      seen = {};
      if (try_look(f, seen)) break;
      seen.state = fiber_state::moving;
    }
    seen.address = &f;
    seen.number = f.number;
    seen.stack_low = f.stack_low;
    seen.stack_size = f.stack_size;
    view_.fibers.push_back(std::move(seen));
  }

  static bool is_occupied(const fiber& f) noexcept {
    return peek_pointer(&f.task) != nullptr || peek_pointer(&f.current_scope) != nullptr;
  }

  // False if the fiber changed its state meanwhile.
  bool try_look(const fiber& f, fiber_view& seen) {
    const auto* word_at = observer::word_of(f.wait);
    const std::uint64_t word = word_at->load(std::memory_order_acquire);
    saved_context* const* context_at = saved_context_of(f.context());
    const saved_context* context = peek_pointer(context_at);
    look_at_task(f, seen);
    if (context == nullptr) {
      seen.state = fiber_state::running;
    } else if (wait_word::is_waiting(word)) {
      seen.state = fiber_state::parked;
      look_at_wait(f, wait_word::epoch_of(word), seen);
    } else {
      seen.state = fiber_state::ready;
    }
    if (context != nullptr && with_stacks_) copy_stack(f, context, seen.stack);
    return word_at->load(std::memory_order_acquire) == word && peek_pointer(context_at) == context;
  }

  // Nodes of tasks are never given back to the system, but may be another task's by now.
  static void look_at_task(const fiber& f, fiber_view& seen) {
    seen.in = peek_pointer(&f.current_scope);
    seen.task = peek_pointer(&f.task);
    if (!can_be(seen.task)) return;
    seen.name = peek_text(peek_pointer(&seen.task->name));
    seen.site = detail::look_at(&seen.task->site);
    const inline_run* run = peek_pointer(&f.inline_runs);
    for (int depth = 0; can_be(run) && depth < most_inline_runs;
         ++depth, run = peek_pointer(observer::outer_of(*run))) {
      seen.outer_tasks.push_back(peek_pointer(observer::task_of(*run)));
    }
  }

  void look_at_wait(const fiber& f, std::uint64_t epoch, fiber_view& seen) {
    seen.since = clock_time(clock::duration(peek(&f.parked_at).value_or(0)));
    if (const auto limit = limits_.waits.find(&f); limit != limits_.waits.end() && limit->second.epoch == epoch) {
      seen.limit = limit->second.when;
    }
    wait_view& wait = seen.wait;
    wait.kind = peek(&f.waits_for).value_or(nullptr);
    wait.object = peek(&f.wait_object).value_or(nullptr);
    const auto kind = peek(wait.kind);
    if (!kind) return;
    wait.name = peek_text(kind->name);
    const auto* bytes = static_cast<const char*>(wait.object);
    if (kind->number_at >= 0) wait.number = peek(reinterpret_cast<const int*>(bytes + kind->number_at));
    if (kind->holder_at >= 0) wait.holder = peek_pointer(reinterpret_cast<void* const*>(bytes + kind->holder_at));
    if (wait.kind == &task_wait) wait.object_name = title_of(*static_cast<const task_node*>(wait.object));
    if (wait.kind == &group_wait) wait.object_name = title_of(static_cast<const scope*>(wait.object));
  }

  static std::string title_of(const task_node& task) {
    std::string name = peek_text(peek_pointer(&task.name));
    if (!name.empty()) return name;
    const code_place site = detail::look_at(&task.site);
    return site.file.empty() ? "" : site.file + ":" + std::to_string(site.line);
  }
  // A group begins with its scope.
  static std::string title_of(const scope* s) {
    const scope_view seen = look_at_scope(s);
    if (!seen.name.empty()) return seen.name;
    return seen.site.file.empty() ? "" : seen.site.file + ":" + std::to_string(seen.site.line);
  }

  static void copy_stack(const fiber& f, const saved_context* context, stack_image& image) {
    const auto saved = peek(context);
    const auto* from = reinterpret_cast<const char*>(context) + sizeof *context;
    if (!saved || f.stack_low == nullptr) return;
    const std::ptrdiff_t depth = f.stack_low + f.stack_size - from;
    if (depth <= 0 || static_cast<std::size_t>(depth) > f.stack_size) return;
    image.registers[stack_image::rbx] = saved->rbx;
    image.registers[stack_image::rbp] = saved->rbp;
    image.registers[stack_image::rsp] = reinterpret_cast<std::uint64_t>(from);
    image.registers[stack_image::r12] = saved->r12;
    image.registers[stack_image::r13] = saved->r13;
    image.registers[stack_image::r14] = saved->r14;
    image.registers[stack_image::r15] = saved->r15;
    image.registers[stack_image::rip] = saved->rip;
    image.bytes.resize(std::min(static_cast<std::size_t>(depth), stack_image::most_bytes));
    if (!peek(from, image.bytes.data(), image.bytes.size())) image.bytes.clear();
  }

  void look_at(const worker& w) {
    const pid_t thread = peek(observer::thread_of(w)).value_or(0);
    worker_view seen{w.index(), thread, runtime_.idle.contains(w.index()), w.off_duty(), 0};
    const fiber* current = peek_pointer(observer::current_of(w));
    for (fiber_view& f : view_.fibers) {
      if (f.address != current || f.state != fiber_state::running) continue;
      seen.runs = f.number;
      f.worker = static_cast<int>(w.index());
      if (with_stacks_) f.stack = stack_of_running(thread, *current);
    }
    view_.workers.push_back(seen);
  }

  void look_at_tasks() {
    const auto count = [this](const task_node* task) {
      if (can_be(task)) ++not_begun_[reinterpret_cast<const scope*>(peek_pointer(&task->group))];
    };
    runtime_.tasks.visit(count);
    for (const auto& w : runtime_.workers()) {
      observer::tasks_of(*w).visit(count);
      count(peek_pointer(observer::handed_of(*w)));
    }
  }

  static scope_view look_at_scope(const scope* s) {
    scope_view seen;
    seen.address = s;
    if (!can_be(s)) return seen;
    seen.parent = peek_pointer(observer::parent_of(*s));
    if (const auto name = peek(observer::name_of(*s))) seen.name = peek_text(name->data(), name->size());
    seen.site = detail::look_at(observer::site_of(*s));
    return seen;
  }

  // It and those around it, unless they are known.
  void add_scopes(const scope* s) {
    std::vector<scope_view> chain;
    for (; can_be(s) && chain.size() < most_scopes; s = chain.back().parent) {
      if (!known_scopes_.insert(s).second) break;
      chain.push_back(look_at_scope(s));
      scope_view& seen = chain.back();
      const auto limit = limits_.scopes.find(s);
      if (limit != limits_.scopes.end()) seen.limit = limit->second;
      if (seen.parent == nullptr) {
        seen.kind = seen.limit ? scope_kind::shield : scope_kind::root;
      } else if (seen.limit) {
        seen.kind = scope_kind::deadline;
      }
    }
    view_.scopes.insert(view_.scopes.end(), std::make_move_iterator(chain.rbegin()),
                        std::make_move_iterator(chain.rend()));
  }

  runtime_core& runtime_;
  const bool with_stacks_;
  runtime_view view_;
  limits limits_;
  std::unordered_map<const scope*, std::size_t> not_begun_;
  std::unordered_set<const scope*> known_scopes_;
};

// A holder is known by an address on its stack.
void find_holders(process_view& process) {
  std::map<const char*, const fiber_view*> by_stack;
  for (const runtime_view& r : process.runtimes) {
    for (const fiber_view& f : r.fibers) by_stack[f.stack_low] = &f;
  }
  for (runtime_view& r : process.runtimes) {
    for (fiber_view& f : r.fibers) {
      const char* holder = static_cast<const char*>(f.wait.holder);
      const auto above = by_stack.upper_bound(holder);
      if (holder == nullptr || above == by_stack.begin()) continue;
      const fiber_view& candidate = *std::prev(above)->second;
      if (candidate.stack_low != nullptr && holder < candidate.stack_low + candidate.stack_size) {
        f.wait.held_by = candidate.number;
      }
    }
  }
}

}  // namespace

// The list is locked throughout, so that the stack of each fiber stays mapped and one thread at a time asks workers for theirs.
process_view look_at_process(with_stacks stacks) {
  process_view process;
  const auto guard = runtime_list::lock();
  for (runtime_core* r = runtime_list::first(); r != nullptr; r = r->next_runtime) {
    process.runtimes.push_back(runtime_look(*r, stacks).take());
  }
  std::reverse(process.runtimes.begin(), process.runtimes.end());
  process.now = clock::now();
  find_holders(process);
  return process;
}

}  // namespace weft::detail
