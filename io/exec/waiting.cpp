#include <weft/io/exec/waiting.hpp>

#include <pthread.h>

#include <chrono>

#include <weft/io/exec/signals.hpp>

namespace weft::exec {

namespace {

using namespace std::chrono;

nanoseconds as_duration(const timespec& t) noexcept {
  constexpr std::time_t beyond_all = 9'000'000'000;  // seconds; a time_point ends a little later
  if (t.tv_sec >= beyond_all) return nanoseconds::max();
  return seconds(t.tv_sec) + nanoseconds(t.tv_nsec);
}

}  // namespace

time_point after(const timespec& duration) noexcept { return parker::from_now(as_duration(duration)); }

time_point on_steady_clock(clockid_t clock, const timespec* when) noexcept {
  if (when == nullptr) return no_limit;
  const nanoseconds target = as_duration(*when);
  if (target == nanoseconds::max()) return no_limit;
  if (clock == CLOCK_MONOTONIC) return time_point(target);
  timespec now{};
  ::clock_gettime(clock, &now);
  return parker::from_now(target - as_duration(now));
}

void cancellation_point() { ::pthread_testcancel(); }

bool answer_interruption() {
  cancellation_point();
  program_thread* self = this_program_thread();
  return self == nullptr || handle_signals(*self);
}

void set_errno(int value) noexcept { errno = value; }

}  // namespace weft::exec
