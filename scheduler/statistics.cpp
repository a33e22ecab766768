#include <weft/scheduler/statistics.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

namespace weft {

namespace {

constexpr std::size_t columns = 14;
using row = std::array<std::string, columns>;

// In groups of three: 1,234,567.
std::string count(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return text;
}

std::string seconds(std::chrono::nanoseconds time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f s", std::chrono::duration<double>(time).count());
  return text.data();
}

std::string kibibytes(std::size_t bytes) { return count((bytes + 1023) / 1024) + " KiB"; }

row cells(std::string label, const worker_statistics& w) {
  return {std::move(label),      count(w.switches),      count(w.spawns),      count(w.tasks_run), count(w.parks),
          count(w.tasks_stolen), count(w.fibers_stolen), count(w.wakes_sent),  count(w.wakes),     count(w.sleeps),
          count(w.operations),   seconds(w.running),     seconds(w.searching), seconds(w.asleep)};
}

// Right-aligned columns, two spaces between them.
std::string aligned(const std::vector<row>& rows) {
  std::array<std::size_t, columns> width{};
  for (const row& r : rows) {
    for (std::size_t c = 0; c < columns; ++c) width[c] = std::max(width[c], r[c].size());
  }
  std::string text;
  for (const row& r : rows) {
    for (std::size_t c = 0; c < columns; ++c) {
      if (c > 0) text += "  ";
      text.append(width[c] - r[c].size(), ' ').append(r[c]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace

worker_statistics& worker_statistics::operator+=(const worker_statistics& other) noexcept {
  switches += other.switches;
  spawns += other.spawns;
  tasks_run += other.tasks_run;
  parks += other.parks;
  tasks_stolen += other.tasks_stolen;
  fibers_stolen += other.fibers_stolen;
  wakes_sent += other.wakes_sent;
  wakes += other.wakes;
  sleeps += other.sleeps;
  operations += other.operations;
  running += other.running;
  searching += other.searching;
  asleep += other.asleep;
  return *this;
}

worker_statistics runtime_statistics::total() const noexcept {
  worker_statistics sum;
  for (const worker_statistics& w : workers) sum += w;
  return sum;
}

std::string to_string(const runtime_statistics& s) {
  std::vector<row> rows{{"worker", "switches", "spawns", "tasks run", "parks", "tasks stolen", "fibers stolen",
                         "wakes sent", "woken", "sleeps", "I/O", "running", "searching", "asleep"}};
  for (std::size_t i = 0; i < s.workers.size(); ++i)
    rows.push_back(cells(s.name + '-' + std::to_string(i), s.workers[i]));
  if (s.workers.size() > 1) rows.push_back(cells("all", s.total()));
  std::string text = aligned(rows);
  text += "fibers    " + count(s.fibers_created) + " created\n";
  text += "workers   " + count(s.workers_wanted) + " wanted, " + count(s.spares_on_duty) + " spares on duty, " +
          count(s.workers.size()) + " started\n";
  text += "stacks    " + count(s.stacks_live) + " live, " + count(s.stacks_idle) + " of them idle; " +
          kibibytes(s.stack_size) + " each, at most " + kibibytes(s.stack_high_water) + " used\n";
  text += "queue     " + count(s.queued_fibers) + " fibers, " + count(s.queued_tasks) + " tasks\n";
  text += "blocking  " + count(s.blocking_busy) + " threads busy, " + count(s.blocking_idle) + " idle; " +
          count(s.blocking_queued) + " calls queued\n";
  text += "drivers   " + s.drivers + '\n';
  if (s.trace_events + s.trace_events_lost > 0) {
    text += "trace     " + count(s.trace_events) + " events written, " + count(s.trace_events_lost) + " lost\n";
  }
  return text;
}

}  // namespace weft
