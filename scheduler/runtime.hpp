// Starting and stopping weft: a runtime owns workers (OS threads), their drivers, and the fibers they run.
//
//   int main() { return weft::run([] { ...; return 0; }); }        // one runtime for the duration of a call
//   weft::runtime rt{{.workers = 4}};  rt.run(f);  rt.run(g);       // or one that is kept; several may exist at once
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/scheduler/driver.hpp>
#include <weft/scheduler/stall.hpp>
#include <weft/scheduler/statistics.hpp>

namespace weft {

// Which CPUs workers are bound to. Threads that a task starts inherit its worker's CPU, those of blocking() do not.
enum class pinning : std::uint8_t {
  none,     // the kernel moves them
  compact,  // as near to each other as can be: a core's hardware threads, then a package's cores
  spread,   // as far apart as can be: a package each, then a core each, then a hardware thread each
  list,     // options::pin_list
};

// Values that make no sense are a std::invalid_argument that names the option, the value and what is allowed.
struct options {
  // OS threads that run fibers, at most 256. 0: as many CPUs as this process may use (available_cpus()), and while the runtime lives as
  // many as it may use then: the monitor looks each second that workers are awake in. Those too many hand their work over and sleep.
  unsigned workers = 0;
  // What threads and reports are called by: workers are NAME-0, NAME-1, ... in top and gdb. 1 to 11 bytes.
  std::string name = "weft";
  // Where the workers run; more workers than CPUs begin again with the first CPU. Workers that come later (more CPUs, spares) are not bound.
  pinning pin = pinning::none;
  // For pinning::list: the CPU of each worker, of those that the process may use.
  std::vector<unsigned> pin_list = {};
  // Address space a fiber's stack takes, a power of two from 64 KiB on; memory is committed as it is touched. A task may have a stack of
  // another size: spawn_options::stack_size.
  std::size_t stack_size = 256 << 10;
  // An idle worker among busy ones looks around at least this often, so that nothing depends on a wake-up alone; zero
  // turns it off (tests do, to prove that no wake is ever lost).
  std::chrono::nanoseconds backstop = std::chrono::milliseconds(10);
  // How long a worker that runs out of work keeps looking before it sleeps, at most 1 s. Zero: it sleeps at once.
  std::chrono::nanoseconds spin = std::chrono::microseconds(50);
  // A file for a record of what each worker ran when, in the format of Perfetto and chrome://tracing; empty: none. It is complete
  // whenever a run() has returned. See docs/observing.md.
  std::string trace = {};
  // Most threads that blocking() may use at once.
  unsigned blocking_threads = 64;
  // Whether a thread watches for workers that are stuck: in a call that blocks the thread unannounced, or in a fiber that computes for
  // long. Spare workers then serve what waits behind them. It looks every 5 ms while any worker is awake.
  bool monitor = true;
  // Gets its reports, a place once, on its own thread; must neither throw nor wait for long. Empty: they go to stderr.
  std::function<void(const stall_report&)> on_stall = {};
  // Whether SIGINT and SIGTERM end what run() runs. Off: they do what they did, since a library must not take them without being asked. On: while a
  // run() is in progress the first cancels its root with cancel_reason::signal, so that run() throws `cancelled` when all has been
  // cleaned up; a second, or the end of the grace, prints what still runs and ends the process with exit code 128 + signal. Each run()
  // of the process that has asked hears them. What the signals did before is restored at the end of the last; a signal that is
  // ignored (nohup) stays so.
  bool end_on_signals = false;
  std::chrono::nanoseconds signal_grace = std::chrono::seconds(10);
  // Whether SIGQUIT (Ctrl-\ on a terminal) prints a dump of every fiber (dump.hpp) to stderr, after which the process goes on. The signal is taken
  // from the first runtime that asks for it until the last such one ends; then its handler of before is put back.
  bool dump_on_sigquit = false;
  // Whether root functions that nothing can wake any more end by deadlock_error (deadlock_error.hpp) rather than wait for ever. It
  // takes 100 ms to be noticed. Where threads of the program's own might still wake a fiber, stderr gets a report once, after a second.
  bool detect_deadlock = true;
  // Which of its engines the I/O module is to use, in its own words (io/engine_choice.hpp): "auto", "uring", "epoll". Empty: what the environment
  // variable WEFT_IO says, else "auto". Where no I/O module is linked it must be empty.
  std::string io = {};
  // Makes the workers' drivers; empty: the I/O engine that is linked, as `io` says, else a futex.
  driver_factory driver = {};
};

// CPUs this process may really use now: the affinity mask of the calling thread, limited by the tightest CPU quota (cgroup v2's cpu.max)
// of its cgroup and of those above it, rounded up: a quota of 1.5 CPUs counts as 2. At least 1. Reads some small files.
[[nodiscard]] unsigned available_cpus() noexcept;

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
  // Starts the workers. Throws std::system_error if threads, the I/O engine or the trace's file cannot be had (the message says why and
  // what to do), std::invalid_argument for options that make no sense.
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

  // Of the options, or where these give none, as many as work now. Any thread.
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
