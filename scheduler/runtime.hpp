// Starting and stopping weft: a runtime owns workers (OS threads), their drivers, and the fibers they run.
//
//   int main() { return weft::run([] { ...; return 0; }); }        // one runtime for the duration of a call
//   weft::runtime rt{{.workers = 4}};  rt.run(f);  rt.run(g);       // or one that is kept; several may exist at once
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/scheduler/driver.hpp>

namespace weft {

struct options {
  // OS threads that run fibers; 0: as many CPUs as this process may use (available_cpus()). At most 256.
  unsigned workers = 0;
  // Address space a fiber's stack takes, a power of two; memory is committed as it is touched.
  std::size_t stack_size = 256 << 10;
  // An idle worker among busy ones looks around at least this often, so that nothing depends on a wake-up alone; zero
  // turns it off (tests do, to prove that no wake is ever lost).
  std::chrono::nanoseconds backstop = std::chrono::milliseconds(10);
  // How long a worker that runs out of work keeps looking before it sleeps. Zero: it sleeps at once.
  std::chrono::nanoseconds spin = std::chrono::microseconds(50);
  // Most threads that blocking() may use at once.
  unsigned blocking_threads = 64;
  // Makes the workers' drivers; empty: the I/O engine that is linked, else a futex.
  driver_factory driver = {};
};

// CPUs this process may really use: its affinity mask, limited by the cgroup's CPU quota (cgroup v2 cpu.max), rounded
// up; at least 1.
[[nodiscard]] unsigned available_cpus() noexcept;

// What one worker has done since it started. Counters are monotonic; read without stopping the worker.
struct worker_statistics {
  std::uint64_t switches = 0;       // fibers resumed
  std::uint64_t spawns = 0;         // tasks pushed
  std::uint64_t tasks_run = 0;      // tasks run, inline ones included
  std::uint64_t parks = 0;          // waits that gave the worker away
  std::uint64_t tasks_stolen = 0;   // unstarted tasks taken from others
  std::uint64_t fibers_stolen = 0;  // started fibers taken from others
  std::uint64_t wakes = 0;          // times another thread woke it to look for work
  std::uint64_t sleeps = 0;         // times it slept
  std::uint64_t operations = 0;     // I/O operations started on its driver

  worker_statistics& operator+=(const worker_statistics& other) noexcept;
};

struct runtime_statistics {
  std::vector<worker_statistics> workers;
  std::size_t fibers_created = 0;
  std::size_t stacks_live = 0;  // with their fibers, running, parked or pooled
  [[nodiscard]] worker_statistics total() const noexcept;
};

namespace detail {
class runtime_core;

// A function that the thread outside waits for; stands on that thread's stack.
struct root_call {
  void (*invoke)(root_call&);
  std::source_location site;
  std::exception_ptr error;
};
void run_root(runtime_core& core, root_call& call);
}  // namespace detail

class runtime {
 public:
  // Starts the workers. Throws std::system_error if threads or the I/O engine cannot be had (the message says why and what
  // to do), std::invalid_argument for options that make no sense.
  explicit runtime(options o = {});

  // Stops and joins the workers. Every run() must have returned.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  // Runs f on a fiber and blocks the calling OS thread until it returns; returns what f returns, rethrows what it throws.
  // Any thread that is not one of this runtime's workers, several at once. On a fiber of this runtime f is simply called.
  template <class F>
  std::invoke_result_t<F&> run(F&& f, std::source_location site = std::source_location::current()) {
    using result = std::invoke_result_t<F&>;
    struct call : detail::root_call {
      std::remove_reference_t<F>* function;
      [[no_unique_address]] std::conditional_t<std::is_void_v<result>, std::monostate, std::optional<result>> value;
    } c;
    c.function = &f;
    c.site = site;
    c.invoke = [](detail::root_call& base) {
      auto& self = static_cast<call&>(base);
      if constexpr (std::is_void_v<result>) {
        (*self.function)();
      } else {
        self.value.emplace((*self.function)());
      }
    };
    detail::run_root(*core_, c);
    if (c.error) std::rethrow_exception(std::move(c.error));
    if constexpr (!std::is_void_v<result>) return std::move(*c.value);
  }

  [[nodiscard]] unsigned workers() const noexcept;
  [[nodiscard]] runtime_statistics statistics() const;

  // Counters of the runtime whose fiber the caller is; throws std::logic_error outside.
  [[nodiscard]] static runtime_statistics current_statistics();

 private:
  std::unique_ptr<detail::runtime_core> core_;
};

// Runs f on a fiber of a runtime of its own: starts it, runs f, ends it. What a program's main does.
template <class F>
std::invoke_result_t<F&> run(F&& f, std::source_location site = std::source_location::current()) {
  runtime rt;
  return rt.run(f, site);
}
template <class F>
std::invoke_result_t<F&> run(options o, F&& f, std::source_location site = std::source_location::current()) {
  runtime rt(std::move(o));
  return rt.run(f, site);
}

}  // namespace weft
