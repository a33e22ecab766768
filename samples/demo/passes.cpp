#include "passes.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/cli/quantity.hpp>

#include "echo.hpp"

namespace demo {
namespace {

using std::chrono::steady_clock;

std::string echo_state(const echo_load& echo) {
  return "echo " + weft::cli::format_count(echo.messages()) + " messages";
}

// Runs `work` on a runtime of its own with everything beside it that a pass has, and fills in what that came to.
void beside_native_load(const stage& s, pass& result, const std::function<void()>& work,
                        const std::function<std::string()>& state) {
  weft::runtime runtime({.workers = result.workers});
  runtime.run([&] {
    echo_load echo(echo_clients);
    weft::group server("echo server");
    server.spawn([&] { echo.serve(); });
    weft::group companions("companions");
    const weft::cli::signal_watch::handler on_signal(s.signals, [&companions] { companions.cancel(); });
    companions.spawn([&] { tick_every_millisecond(result.ticks); }, {.name = "ticker"});
    companions.spawn([&] { s.out.show([&] { return state() + "   " + echo_state(echo); }); }, {.name = "progress"});
    echo.start_clients(companions, echo_pace);
    work();
    companions.cancel();
    companions.join();
    server.cancel();
    server.join();
    result.round_trips = echo.round_trips();
    result.echo_messages = echo.messages();
    result.echo_bytes = echo.bytes();
  });
  result.totals = runtime.statistics().total();
}

// Cancellation by a signal looks like a group's; here it gets its name.
template <class F>
void unless_interrupted(const stage& s, F&& f) {
  try {
    f();
  } catch (...) {
    if (s.signals.received() == 0) throw;
  }
  if (const int signal = s.signals.received(); signal != 0) throw interrupted{signal};
}

}  // namespace

pass run_jobs(const stage& s, unsigned workers, const std::vector<job>& jobs, std::vector<guest_result>& results) {
  pass result{.workers = workers, .guests = jobs.size()};
  results.assign(jobs.size(), {});
  std::atomic<std::size_t> finished{0};
  const auto work = [&] {
    const auto start = steady_clock::now();
    weft::group guests("guests");
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      guests.spawn(
          [&, i] {
            results[i] = run_guest(*jobs[i].guest, jobs[i].arguments, s.box);
            finished.fetch_add(1, std::memory_order_relaxed);
          },
          {.name = "guest"});
    }
    guests.join();
    result.duration = steady_clock::now() - start;
  };
  const auto state = [&] {
    const std::size_t count = finished.load(std::memory_order_relaxed);
    return progress::bar(count, jobs.size()) + "  " + std::to_string(count) + "/" + std::to_string(jobs.size());
  };
  unless_interrupted(s, [&] { beside_native_load(s, result, work, state); });
  return result;
}

pass run_hogs(const stage& s, unsigned workers, std::chrono::nanoseconds length) {
  pass result{.workers = workers, .guests = 2 * std::size_t{workers}};
  const auto begin = steady_clock::now();
  const auto work = [&] {
    weft::group hogs("hogs");
    for (std::size_t i = 0; i < result.guests; ++i) {
      hogs.spawn([&] { static_cast<void>(run_guest(s.guests.hog, {}, s.box)); }, {.name = "hog"});
    }
    weft::sleep_for(length);
    const auto cancelled_at = steady_clock::now();
    hogs.cancel();
    hogs.join();
    result.gone_in = steady_clock::now() - cancelled_at;
    result.duration = length;
  };
  const auto state = [&] {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - begin);
    const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(length);
    return progress::bar(static_cast<std::size_t>(std::min(milliseconds, whole).count()),
                         static_cast<std::size_t>(whole.count()));
  };
  unless_interrupted(s, [&] { beside_native_load(s, result, work, state); });
  return result;
}

}  // namespace demo
