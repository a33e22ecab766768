#include <weft/scheduler/detail/seeded_run.hpp>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/detail/clock.hpp>
#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/scheduler/testing.hpp>

namespace weft::detail {

namespace {

// A fiber that is alone this often in a row only polls: it waits for time to pass.
constexpr unsigned polls = 16;
// With late timers, how often one comes early.
constexpr std::uint64_t late_one_in = 8;

}  // namespace

std::chrono::steady_clock::time_point now() noexcept {
  if (seeded_runs.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    const worker* w = this_worker();
    if (w != nullptr && w->runtime().seeded != nullptr) return w->runtime().seeded->now();
  }
  return std::chrono::steady_clock::now();
}

seeded_run::seeded_run(settings s) : settings_(s) {
  seeded_runs.fetch_add(1, std::memory_order_relaxed);
  attention.fetch_add(1, std::memory_order_relaxed);
}
seeded_run::~seeded_run() {
  attention.fetch_sub(1, std::memory_order_relaxed);
  seeded_runs.fetch_sub(1, std::memory_order_relaxed);
}

void seeded_run::begin(std::uint64_t seed, scope& root) noexcept {
  root_ = &root;
  seed_ = state_ = seed;
  trace_ = switches_ = 0;
  alone_ = 0;
  preempting_ = false;
  now_ = std::chrono::steady_clock::now();
  verdict_.clear();
  preempt_one_in_ = std::uint64_t{1} << random() % 5;  // some schedules switch wherever they can, others seldom
  if (settings_.world != nullptr) settings_.world->begin(seed, settings_.print);
}

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): seeds that are neighbours give
// sequences that have nothing in common.
std::uint64_t seeded_run::random() noexcept {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void seeded_run::note(std::uint64_t event) noexcept { trace_ = (trace_ ^ event) * 0x100000001b3 + 1; }

std::uint32_t seeded_run::choose(std::uint32_t count) noexcept {
  if (!in_schedule()) return 0;
  ++switches_;
  if (switches_ == settings_.most_switches || switches_ == 2 * settings_.most_switches) {
    give_up("the schedule has not ended after as many switches as explore_options::most_switches allows");
  }
  if (!std::exchange(preempting_, false)) alone_ = count == 1 ? alone_ + 1 : 0;
  const auto chosen = static_cast<std::uint32_t>(random() % count);
  note((std::uint64_t{count} << 32) | chosen);
  return chosen;
}

bool seeded_run::preempts() noexcept { return preempting_ = in_schedule() && random() % preempt_one_in_ == 0; }

bool seeded_run::timer_is_due_early(std::uint32_t ready) noexcept {
  if (!in_schedule()) return false;
  if (ready == 1 && alone_ >= polls) return true;
  return settings_.late_timers && random() % late_one_in == 0;
}

void seeded_run::advance_to(time_point when) noexcept {
  alone_ = 0;
  if (when <= now_) return;
  note(static_cast<std::uint64_t>((when - now_).count() > 0));
  const std::chrono::duration<double, std::milli> passed = when - now_;
  now_ = when;
  if (settings_.print && in_schedule()) std::fprintf(stderr, "weft::testing:      %g ms pass\n", passed.count());
}

void seeded_run::print_choice(const fiber& f, const task_node* begins, std::uint32_t count) const noexcept {
  if (!settings_.print || !in_schedule()) return;
  const task_node* task = begins != nullptr ? begins : f.task;
  const char* name = task != nullptr && task->name != nullptr ? task->name : "-";
  std::fprintf(stderr, "weft::testing: %4" PRIu64 " %s %s", switches_, begins != nullptr ? "begins" : "resumes", name);
  if (task != nullptr && task->site.line() != 0)
    std::fprintf(stderr, " (%s:%u)", task->site.file_name(), static_cast<unsigned>(task->site.line()));
  std::fprintf(stderr, ", of %u that could run\n", count);
}

// Who waits for what; while they still do.
void seeded_run::print_fibers() const noexcept {
  try {
    dump(stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weft::testing: no dump: %s\n", e.what());
  }
}

void seeded_run::give_up(const char* why) noexcept {
  if (verdict_.empty()) {
    verdict_ = why;
    if (settings_.print) print_fibers();
    return root_->cancel(cancel_reason::requested);
  }
  std::fprintf(stderr,
               "weft::testing: seed %" PRIu64
               ": %s; cancelling what waits did not end it: some wait ignores cancellation, or "
               "code swallows `cancelled`. The process ends here.\n",
               seed_, verdict_.c_str());
  std::abort();
}

}  // namespace weft::detail
