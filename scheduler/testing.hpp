// For tests of code that runs on weft: schedules that are chosen by a seed, and time that does not have to be waited for.
//
// Not part of the umbrella headers; a test includes <weft/scheduler/testing.hpp> and links weft as ever.
//
//   weft::testing::explore({.schedules = 10'000}, [] {
//     weft::mutex m;
//     weft::group g;
//     g.spawn([&] { ... });
//     g.spawn([&] { ... });
//   });                                  // throws what the first schedule that fails throws, after printing its seed
//   weft::testing::run({.seed = 4711}, f);  // that schedule again
//
// A schedule is one run of f on one worker. Wherever somebody has to run next, the seed chooses among all fibers that can and all
// tasks that have not begun. It also chooses, wherever a fiber could have been overtaken by another worker (it spawns, looks
// whether it is cancelled, is about to wait, locks, unlocks, signals), whether others go first. Code between two such points runs undisturbed;
// schedule_point() and yield() add points. The same seed gives the same schedule, in another process as well, as long as f itself
// does not depend on addresses, threads or the time.
//
// Time stands still while a fiber can run and jumps to the next timer when none can: sleeps, deadlines and all other limits of weft
// go by that clock, which begins at std::chrono::steady_clock::now(). A single fiber that only polls (yields again and again)
// counts as waiting. While a call of weft::blocking() is under way time stands still until it has returned. I/O is real, so it is outside the
// seed's reach: where it is all that fibers wait for, the run waits for it; where timers run as well, they go on when no
// operation has completed for 2 ms. With a simulation (weft/io/testing.hpp) the seed decides about I/O as well, faults included.
//
// Sources of the ideas: shuttle (Amazon, Rust) for random schedules that can be replayed, Trio's autojump clock for the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>

#include <weft/scheduler/driver.hpp>
#include <weft/scheduler/schedule_point.hpp>

namespace weft::testing {

// What stands between the fibers of a seeded run and the world: a driver whose operations complete as the seed of the schedule says, and by the
// run's clock. All of it is called on the run's worker. Serves one run at a time.
class simulation {
 public:
  using time_point = driver::time_point;

  virtual ~simulation() = default;

  // The worker's driver; it is destroyed before the simulation.
  [[nodiscard]] virtual std::unique_ptr<driver> make_driver() = 0;
  // A schedule begins; from here on all depends on the seed. `print`: each decision to stderr.
  virtual void begin(std::uint64_t seed, bool print) noexcept = 0;
  // Nothing can run: when anything will come from the world, by the run's clock. What is not later than that clock comes with the driver's next
  // poll(); time_point::max(): nothing will. `timed`: a timer is set, so that time may pass instead. May block.
  [[nodiscard]] virtual time_point next_event(bool timed) noexcept = 0;
  // The same of what is known already: never blocks.
  [[nodiscard]] virtual time_point soonest() noexcept = 0;
};

struct explore_options {
  std::uint64_t seed = 1;                   // of the first schedule; the others have the numbers that follow
  std::uint64_t schedules = 1000;           // how many, unless one fails
  bool late_timers = false;                 // timers may also come while fibers can run, as on a machine that is busy
  std::uint64_t most_switches = 1'000'000;  // a schedule that needs more has failed
  // Asked after each schedule whether it has failed, for tests that do not throw: [] { return ::testing::Test::HasFailure(); }
  std::function<bool()> failed = {};
  simulation* world = nullptr;  // nullptr: the real one
};

struct run_options {
  std::uint64_t seed = 1;
  bool late_timers = false;
  std::uint64_t most_switches = 1'000'000;
  bool print = false;  // to stderr: each choice, and a dump of all fibers when none can run
  simulation* world = nullptr;
};

struct report {
  std::uint64_t schedules = 0;                // run, the one that failed included
  std::uint64_t switches = 0;                 // of all of them
  std::uint64_t trace = 0;                    // a hash of all choices: equal where the same schedules were run
  std::optional<std::uint64_t> failing_seed;  // where options::failed said so
};

// A schedule in which no fiber could run any more and no timer was left (a deadlock), or which did not end. The fibers that waited were
// cancelled, so that f could be left. A wait that only another thread of the program would have ended counts as a deadlock, too.
class stuck_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Runs f once for each seed, on one runtime, until one fails: throws what f threw, or stuck_error, or returns with failing_seed set; prints
// the seed and how to replay it. With WEFT_TESTING_SEED in the environment only that seed is run, and each choice printed. Small programs
// take some microseconds a schedule. f begins each time with nothing of weft left over: it must leave no task or fiber behind, and
// reset what it refers to. Any thread; blocks it. Ends the process if fibers that are stuck cannot be cancelled.
report explore(const explore_options& o, const std::function<void()>& f);
// The one schedule of that seed.
report run(const run_options& o, const std::function<void()>& f);

// The time of the seeded run that the caller is in; elsewhere std::chrono::steady_clock::now().
[[nodiscard]] std::chrono::steady_clock::time_point now() noexcept;

}  // namespace weft::testing
