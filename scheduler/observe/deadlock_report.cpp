#include <weft/scheduler/observe/deadlock_report.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/observe/describe.hpp>
#include <weft/scheduler/observe/dump_text.hpp>

namespace weft::detail {

namespace {

// Who waits for whom: for a mutex, its holder; for a task, the fiber that runs it; for the end of a group, all fibers in it.
class wait_graph {
 public:
  using fibers = std::vector<const fiber_view*>;

  explicit wait_graph(const process_view& process) {
    for (const runtime_view& r : process.runtimes) {
      for (const scope_view& s : r.scopes) parents_[s.address] = s.parent;
      for (const fiber_view& f : r.fibers) {
        all_.push_back(&f);
        by_number_[f.number] = &f;
        by_task_[f.task] = &f;
        for (const task_node* outer : f.outer_tasks) by_task_[outer] = &f;
      }
    }
    for (const fiber_view* f : all_) add_to_groups(*f);
  }

  [[nodiscard]] const fibers& all() const noexcept { return all_; }

  [[nodiscard]] fibers awaited_by(const fiber_view& f) const {
    if (f.state != fiber_state::parked) return {};
    if (f.wait.held_by != 0) return found(by_number_, f.wait.held_by);
    if (f.wait.kind == &task_wait) return found(by_task_, static_cast<const task_node*>(f.wait.object));
    if (f.wait.kind != &group_wait) return {};
    const auto members = in_group_.find(static_cast<const scope*>(f.wait.object));
    if (members == in_group_.end()) return {};
    fibers others;
    std::copy_if(members->second.begin(), members->second.end(), std::back_inserter(others),
                 [&f](const fiber_view* member) { return member != &f; });
    return others;
  }

 private:
  template <class Map, class Key>
  static fibers found(const Map& map, const Key& key) {
    const auto entry = map.find(key);
    return entry == map.end() ? fibers() : fibers{entry->second};
  }

  void add_to_groups(const fiber_view& f) {
    for (const scope* s = f.in; s != nullptr;) {
      in_group_[s].push_back(&f);
      const auto parent = parents_.find(s);
      s = parent == parents_.end() ? nullptr : parent->second;
    }
  }

  fibers all_;
  std::unordered_map<std::uint64_t, const fiber_view*> by_number_;
  std::unordered_map<const task_node*, const fiber_view*> by_task_;
  std::unordered_map<const scope*, const scope*> parents_;
  std::unordered_map<const scope*, fibers> in_group_;
};

// Depth first, without recursion: there may be many.
class cycle_finder {
 public:
  explicit cycle_finder(const wait_graph& graph) : graph_(graph) {
    for (const fiber_view* f : graph.all()) {
      if (!seen_.contains(f)) search(*f);
    }
  }
  [[nodiscard]] const std::vector<wait_graph::fibers>& cycles() const noexcept { return cycles_; }

 private:
  struct step {
    const fiber_view* at;
    wait_graph::fibers next;
  };

  void enter(const fiber_view& f) {
    seen_.insert(&f);
    on_path_.insert(&f);
    path_.push_back({&f, graph_.awaited_by(f)});
  }

  void search(const fiber_view& start) {
    enter(start);
    while (!path_.empty()) {
      step& last = path_.back();
      if (last.next.empty()) {
        on_path_.erase(last.at);
        path_.pop_back();
        continue;
      }
      const fiber_view* next = last.next.back();
      last.next.pop_back();
      if (on_path_.contains(next)) {
        note_cycle(next);
      } else if (!seen_.contains(next)) {
        enter(*next);
      }
    }
  }

  void note_cycle(const fiber_view* from) {
    const auto first = std::find_if(path_.begin(), path_.end(), [from](const step& s) { return s.at == from; });
    wait_graph::fibers& cycle = cycles_.emplace_back();
    for (auto s = first; s != path_.end(); ++s) cycle.push_back(s->at);
  }

  const wait_graph& graph_;
  std::vector<step> path_;
  std::unordered_set<const fiber_view*> on_path_, seen_;
  std::vector<wait_graph::fibers> cycles_;
};

constexpr std::size_t most_lines = 20;  // of each kind; all are in the dump below

// The task it waits for had it run on its own stack meanwhile.
bool waits_for_itself(const fiber_view& f) noexcept {
  return f.wait.kind == &task_wait &&
         std::find(f.outer_tasks.begin(), f.outer_tasks.end(), f.wait.object) != f.outer_tasks.end();
}

void tell_cycles(const std::vector<wait_graph::fibers>& cycles, std::string& out) {
  for (std::size_t i = 0; i < std::min(cycles.size(), most_lines); ++i) {
    out += "\nThese wait for each other:";
    for (const fiber_view* f : cycles[i]) {
      out += "\n  " + title_of(*f) + ", waits for " + describe(f->wait);
      if (waits_for_itself(*f)) out += ", which waits for it on the same stack";
    }
  }
}

void tell_dead_waits(const wait_graph& graph, std::string& out) {
  std::size_t told = 0;
  for (const fiber_view* f : graph.all()) {
    if (f->state != fiber_state::parked || !graph.awaited_by(*f).empty()) continue;
    if (told == 0) out += "\nNobody is left who could end:";
    if (++told > most_lines) continue;
    out += "\n  the wait of " + title_of(*f) + ", for " + describe(f->wait);
  }
  if (told > most_lines) out += "\n  and " + std::to_string(told - most_lines) + " more";
}

}  // namespace

std::string deadlock_report(const process_view& process) {
  const wait_graph graph(process);
  std::string out =
      "weft: deadlock: every fiber waits, and no timer, I/O operation or blocking() call is under way that could wake "
      "one.";
  tell_cycles(cycle_finder(graph).cycles(), out);
  tell_dead_waits(graph, out);
  unwinder stacks;
  return out + "\n" + text_of(process, stacks);
}

}  // namespace weft::detail
