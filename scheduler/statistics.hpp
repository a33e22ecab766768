// What a runtime has done and what it holds, as runtime::statistics() sees it.
//
// A snapshot may be taken by any thread at any time and stops nobody. Each number is exact by itself: its owner writes it with
// plain stores, as of the last one. Numbers are not of one instant: a task that is being spawned may be in one of two counters that
// both count it. When the runtime is quiet, everything is exact.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weft {

// What one worker has done since it started. Monotonic.
struct worker_statistics {
  std::uint64_t switches = 0;       // fibers resumed, and tasks begun on pooled ones
  std::uint64_t spawns = 0;         // tasks pushed
  std::uint64_t tasks_run = 0;      // tasks run, inline ones included
  std::uint64_t parks = 0;          // waits that gave the worker away
  std::uint64_t tasks_stolen = 0;   // unstarted tasks taken from others
  std::uint64_t fibers_stolen = 0;  // started fibers taken from others
  std::uint64_t wakes_sent = 0;     // sleeping workers it has woken to look for work
  std::uint64_t wakes = 0;          // times another thread woke it to look for work
  std::uint64_t sleeps = 0;         // times it slept
  std::uint64_t operations = 0;     // I/O operations started on its driver
  // Where its time went; together the time since it started. The kernel may have given the CPU to others meanwhile.
  std::chrono::nanoseconds running{0};    // fibers, tasks, completions, and choosing among them
  std::chrono::nanoseconds searching{0};  // without work, looking for some elsewhere
  std::chrono::nanoseconds asleep{0};     // without work, in the kernel

  worker_statistics& operator+=(const worker_statistics& other) noexcept;
};

struct runtime_statistics {
  std::string name;  // options::name
  std::string
      drivers;  // what the workers sleep in: "io_uring", "epoll", "futex"; several, divided by ", ", if they differ
  std::vector<worker_statistics> workers;  // all that were ever started, spares included

  std::size_t fibers_created = 0;
  std::size_t stacks_live = 0;  // with their fibers: running, parked or idle; and those that tasks have of their own
  std::size_t stacks_idle = 0;  // of these, pooled without a task
  std::size_t stack_size = 0;   // bytes of address space of each, guard included
  // The most that any stack has ever used, in whole pages; 0 where the kernel does not tell. Stacks stay committed, so one look at
  // which pages there are finds it (mincore(2)). A snapshot looks at 4,096 stacks at most and the
  // next one goes on there. Pages that were swapped out count as unused.
  std::size_t stack_high_water = 0;

  std::size_t queued_fibers = 0;  // ready, in the queue that belongs to no worker
  std::size_t queued_tasks = 0;   // unstarted, the same

  unsigned workers_wanted = 0;       // options::workers, or the CPUs there are now; further ones are spares
  unsigned spares_on_duty = 0;       // spares that work, while others are stuck
  std::uint64_t blocks_noticed = 0;  // times a worker was seen blocked in the kernel outside blocking()
  std::uint64_t hogs_noticed = 0;    // times a fiber computed for long without giving way
  std::uint64_t rescues = 0;  // times what had completed on a stuck worker's driver was brought to those who waited

  std::size_t blocking_busy = 0;    // threads that run a blocking() call
  std::size_t blocking_idle = 0;    // threads that wait for one
  std::size_t blocking_queued = 0;  // calls that wait for a thread

  std::uint64_t trace_events = 0;  // written to options::trace
  std::uint64_t trace_events_lost =
      0;  // not written: they came faster than they could be, or the file could not be written

  [[nodiscard]] worker_statistics total() const noexcept;
};

// A table for people: a line a worker, then what the runtime holds. Ends in a newline.
[[nodiscard]] std::string to_string(const runtime_statistics& s);

}  // namespace weft
