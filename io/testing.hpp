// For tests of code that does I/O: an outside world whose faults, delays and order are chosen by a seed.
//
// Not part of the umbrella headers. It is handed to seeded runs (weft/scheduler/testing.hpp), so that one seed replays who runs when and what befalls
// their I/O:
//
//   weft::testing::simulated_io io({.resets = 50});                         // one transfer in fifty ends its connection
//   weft::testing::explore({.schedules = 10'000, .world = &io}, [] {
//     ...                                                                   // a server and its clients, on loopback or socket pairs
//   });
//
// What it does to every file, pipe and socket used through weft::io by the fibers of the run, and to all that stands on them (TLS, HTTP):
//
//   - completions come late, by the run's clock, and in any order; calls that need not wait have to; transfers fall short; operations end
//     without having done anything, as by a signal, and are begun again by weft;
//   - a cancellation meets its operation at any instant: before it begins, while it waits, when it has just completed;
//   - if asked for: connections are reset, connects refused, descriptors or memory are not to be had, disks are full or broken.
//
// The descriptors are real, and what is not interfered with the kernel does: pipes, socket pairs and files of the test's own replay
// exactly, loopback connections nearly always. A schedule in which fibers wait for descriptors that never get ready is a stuck_error as any other deadlock.
//
// What stays outside: calls on paths (rename, status, directories), which are made by helper threads; start and end of child processes; named pipes, which
// cannot be opened (ENOTSUP); whatever does not go through weft::io. Each costs some microseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <weft/scheduler/testing.hpp>

namespace weft::io::simulated {
class world;
}

namespace weft::testing {

// How often what happens: once in so many chances; 0: never. What is on unless turned off must not be noticed by any program. The others are
// errors that the program under test gets to see.
struct faults {
  unsigned waits = 2;  // a call that could be done at once has to wait
  unsigned short_counts =
      2;  // a transfer of several bytes moves fewer than it could (of files: where the kernel might)
  unsigned interruptions = 8;  // an operation ends without having done anything
  unsigned delays = 4;         // an operation that is ready, or a cancellation, takes up to longest_delay
  std::chrono::nanoseconds longest_delay = std::chrono::milliseconds(1);

  unsigned resets =
      0;  // a transfer ends its connection instead: here ECONNRESET or EPIPE, there those or the end of the stream
  unsigned refusals =
      0;  // connects: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH; accepts: the connection is gone (and weft takes the next)
  unsigned shortages = 0;  // sockets, opens, accepts: EMFILE, ENFILE, ENOBUFS, ENOMEM
  unsigned broken = 0;     // files: reads EIO, writes ENOSPC, EIO, EDQUOT, syncs EIO

  // Real time that is given to the world (child processes, other threads, the loopback) when nothing can run: before the run's clock goes on to the next
  // timer, and before the schedule is stuck where there is no timer.
  std::chrono::nanoseconds patience = std::chrono::milliseconds(2);
  std::chrono::nanoseconds silence = std::chrono::seconds(5);
};

// What has happened so far, in all schedules: a test whose faults never come tests nothing.
struct fault_counts {
  std::uint64_t operations = 0;  // that had to wait
  std::uint64_t waits = 0;
  std::uint64_t short_counts = 0;
  std::uint64_t interruptions = 0;
  std::uint64_t delays = 0;
  std::uint64_t resets = 0;
  std::uint64_t refusals = 0;
  std::uint64_t shortages = 0;
  std::uint64_t broken = 0;
  std::uint64_t cancellations_won = 0;   // the operation had done nothing
  std::uint64_t cancellations_lost = 0;  // it had succeeded
};

// For one run or exploration at a time. Outlives it.
class simulated_io final : public simulation {
 public:
  explicit simulated_io(const faults& f = {});
  ~simulated_io() override;
  simulated_io(const simulated_io&) = delete;
  simulated_io& operator=(const simulated_io&) = delete;

  [[nodiscard]] fault_counts counts() const noexcept;

  [[nodiscard]] std::unique_ptr<driver> make_driver() override;
  void begin(std::uint64_t seed, bool print) noexcept override;
  [[nodiscard]] time_point next_event(bool timed) noexcept override;
  [[nodiscard]] time_point soonest() noexcept override;

 private:
  std::unique_ptr<io::simulated::world> world_;
};

}  // namespace weft::testing
