#include <weft/scheduler/observe/dump_text.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <weft/scheduler/observe/describe.hpp>

namespace weft::detail {

namespace {

std::string plural(std::size_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

// One runtime as a tree: scopes by their parents, fibers by the scope they are in.
class tree_writer {
 public:
  tree_writer(const runtime_view& runtime, clock_time now, unwinder& stacks, std::string& out)
      : runtime_(runtime), now_(now), stacks_(stacks), out_(out) {
    for (const scope_view& s : runtime.scopes) children_[s.parent].push_back(&s);
    for (const scope_view& s : runtime.scopes) known_.insert(s.address);
    for (const fiber_view& f : runtime.fibers) members_[known_.contains(f.in) ? f.in : nullptr].push_back(&f);
  }

  void write() {
    line(0, "runtime " + std::to_string(runtime_.number) + ": " + plural(runtime_.workers.size(), "worker") + ", " +
                plural(runtime_.fibers.size(), "fiber") + ", " + plural(runtime_.blocking_calls, "blocking call"));
    for (const worker_view& w : runtime_.workers) write(w);
    for (const scope_view& s : runtime_.scopes) {
      if (!known_.contains(s.parent)) write(s, 1);
    }
    for (const fiber_view* f : members_[nullptr]) write(*f, 1);
  }

 private:
  void line(unsigned depth, const std::string& text) { out_ += std::string(2 * std::size_t{depth}, ' ') + text + "\n"; }

  void write(const worker_view& w) {
    const std::string what = w.runs != 0  ? "runs fiber " + std::to_string(w.runs)
                             : w.off_duty ? "off duty"
                             : w.asleep   ? "asleep"
                                          : "looks for work";
    line(1, "worker " + std::to_string(w.index) + " (thread " + std::to_string(w.thread) + "): " + what);
  }

  void write(const scope_view& s, unsigned depth) {
    std::string text = title_of(s);
    if (s.limit) text += *s.limit > now_ ? ", ends in " + describe(*s.limit - now_) : ", its time is over";
    if (s.not_begun != 0) text += ": " + plural(s.not_begun, "task") + " not begun";
    line(depth, text);
    for (const fiber_view* f : members_[s.address]) write(*f, depth + 1);
    for (const scope_view* child : children_[s.address]) write(*child, depth + 1);
  }

  void write(const fiber_view& f, unsigned depth) {
    line(depth, title_of(f) + ": " + state_of(f, now_));
    for (const frame& frame : stacks_.frames_of(f.stack)) write(frame, depth + 2);
  }

  void write(const frame& f, unsigned depth) {
    std::string text = f.function.empty() ? describe(reinterpret_cast<const void*>(f.address)) : f.function;
    if (!f.file.empty()) text += " at " + f.file + ":" + std::to_string(f.line);
    line(depth, text);
  }

  const runtime_view& runtime_;
  const clock_time now_;
  unwinder& stacks_;
  std::string& out_;
  std::unordered_set<const scope*> known_;
  std::unordered_map<const scope*, std::vector<const scope_view*>> children_;
  std::unordered_map<const scope*, std::vector<const fiber_view*>> members_;
};

}  // namespace

std::string state_of(const fiber_view& f, clock_time now) {
  switch (f.state) {
    case fiber_state::running:
      return f.worker < 0 ? "running" : "running on worker " + std::to_string(f.worker);
    case fiber_state::ready:
      return "ready";
    case fiber_state::moving:
      return "running, or about to";
    case fiber_state::parked:
      break;
  }
  std::string text = "parked";
  if (f.since != clock_time()) text += " for " + describe(std::max(now - f.since, std::chrono::nanoseconds::zero()));
  text += ": " + describe(f.wait);
  if (f.limit)
    text += ", for at most " + describe(std::max(*f.limit - now, std::chrono::nanoseconds::zero())) + " more";
  return text;
}

std::string text_of(const process_view& process, unwinder& stacks) {
  std::string out = "weft: " + plural(process.runtimes.size(), "runtime") + "\n";
  for (const runtime_view& r : process.runtimes) tree_writer(r, process.now, stacks, out).write();
  out.pop_back();
  return out;
}

}  // namespace weft::detail
