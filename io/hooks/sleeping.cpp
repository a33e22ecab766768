// Sleeping: on the worker's timers.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::sleep), "sleep"> real_sleep;
constexpr real_function<decltype(::usleep), "usleep"> real_usleep;
constexpr real_function<decltype(::nanosleep), "nanosleep"> real_nanosleep;
constexpr real_function<decltype(::clock_nanosleep), "clock_nanosleep"> real_clock_nanosleep;

using std::chrono::nanoseconds;
using std::chrono::seconds;

bool is_valid(const timespec& t) noexcept { return t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000; }

nanoseconds duration_of(const timespec& t) noexcept {
  constexpr auto longest = std::chrono::duration_cast<seconds>(nanoseconds::max()).count() - 1;
  return seconds(std::min<std::int64_t>(t.tv_sec, longest)) + nanoseconds(t.tv_nsec);
}

timespec timespec_of(nanoseconds d) noexcept {
  const auto whole = std::chrono::floor<seconds>(d);
  return {static_cast<time_t>(whole.count()), static_cast<long>((d - whole).count())};
}

nanoseconds left_until(time_point when) noexcept {
  return std::max<nanoseconds>(when - time_point::clock::now(), nanoseconds::zero());
}

// What is left is told where the sleep was cut short.
std::int64_t sleep_through(nanoseconds duration, timespec* left) noexcept {
  const time_point when = limit_after(duration);
  const std::int64_t result = wait_until(when);
  if (result < 0 && left != nullptr) *left = timespec_of(left_until(when));
  return result;
}

// A clock that is set meanwhile is looked at again when the time should have come, and once a second.
std::int64_t sleep_until_clock(clockid_t clock, const timespec& when) noexcept {
  for (;;) {
    timespec now{};
    if (::clock_gettime(clock, &now) != 0) return -EINVAL;
    const nanoseconds left = duration_of(when) - duration_of(now);
    if (left <= nanoseconds::zero()) return 0;
    const nanoseconds part = clock == CLOCK_MONOTONIC ? left : std::min<nanoseconds>(left, seconds(1));
    if (const std::int64_t result = wait_until(limit_after(part)); result < 0) return result;
  }
}

// Clocks of CPU time, and the one that goes on in suspend, are the kernel's business.
bool is_ours(clockid_t clock) noexcept {
  return clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_TAI;
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

unsigned sleep(unsigned duration) {
  if (!may_wait()) return real_sleep(duration);
  timespec left{};
  if (sleep_through(seconds(duration), &left) == 0) return 0;
  return static_cast<unsigned>(left.tv_sec) + (left.tv_nsec > 0 ? 1 : 0);
}

int usleep(useconds_t duration) {
  if (!may_wait()) return real_usleep(duration);
  return static_cast<int>(leave_with(sleep_through(std::chrono::microseconds(duration), nullptr)));
}

int nanosleep(const timespec* duration, timespec* left) {
  if (!may_wait() || !is_valid(*duration)) return real_nanosleep(duration, left);
  return static_cast<int>(leave_with(sleep_through(duration_of(*duration), left)));
}

// Returns the error rather than setting errno.
int clock_nanosleep(clockid_t clock, int flags, const timespec* duration, timespec* left) {
  if (!may_wait() || !is_ours(clock) || !is_valid(*duration)) return real_clock_nanosleep(clock, flags, duration, left);
  const bool absolute = (flags & TIMER_ABSTIME) != 0;
  return static_cast<int>(
      -(absolute ? sleep_until_clock(clock, *duration) : sleep_through(duration_of(*duration), left)));
}

}  // extern "C"
